#!/usr/bin/env bash
# Goals of Pants for what changed since a branch, and for all that depends on it.
#
#   changed.sh BRANCH GOAL...
#
# For CI, which knows the branch that a change goes to. By hand: `./pants changed-test`.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

branch=$1
shift
if ! git rev-parse --quiet --verify "$branch^{commit}" >/dev/null; then
  echo "changed.sh: BRANCH=$branch: this clone has no such commit. Fix: fetch it, with its history" \
    "(git fetch --unshallow origin)." >&2
  exit 1
fi
exec ./pants --changed-since="$branch" --changed-dependents=transitive "$@"
