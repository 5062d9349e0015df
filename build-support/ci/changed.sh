#!/usr/bin/env bash
# Goals of Pants for what changed since a branch, and for all that depends on it.
#
#   changed.sh BRANCH GOAL...
#
# For CI, which knows the branch that a change goes to. By hand: `./pants changed-test`. Targets with
# the tag `by-hand` are left out: they need what a machine has for them alone.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

branch=${1:?name the branch that the change goes to, e.g. origin/main}
shift
if ! git merge-base "$branch" HEAD >/dev/null 2>&1; then
  deepen=
  [[ $(git rev-parse --is-shallow-repository) != true ]] || deepen=' --unshallow'
  echo "changed.sh: BRANCH=$branch: this clone does not have where HEAD and it part. Fix:" \
    "git fetch$deepen origin '+refs/heads/*:refs/remotes/origin/*'" >&2
  exit 1
fi
# As .ci/run does: where there is a shared cache, use it.
if [[ -n ${PANTS_REMOTE_STORE_ADDRESS:-} ]]; then
  export PANTS_REMOTE_CACHE_READ=${PANTS_REMOTE_CACHE_READ:-true}
fi
exec ./pants --tag=-by-hand --changed-since="$branch" --changed-dependents=transitive "$@"
