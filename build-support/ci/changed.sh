#!/usr/bin/env bash
# Goals of Pants for what changed since a branch, and for all that depends on it.
#
#   changed.sh BRANCH GOAL...
#
# For CI, which knows the branch that a change goes to. By hand: `./pants changed-test`. Targets with
# the tag `by-hand` are left out: they need what a machine has for them alone.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

branch=${1-}
if [[ -z $branch ]]; then
  echo "changed.sh: BRANCH='': no branch to compare with. Fix: changed.sh origin/main test" >&2
  exit 1
fi
shift
if ! git merge-base "$branch" HEAD >/dev/null 2>&1; then
  deepen=
  [[ $(git rev-parse --is-shallow-repository) != true ]] || deepen=' --unshallow'
  echo "changed.sh: BRANCH=$branch: this clone lacks the branch, or the commit where it and HEAD diverged. Fix:" \
    "git fetch$deepen origin '+refs/heads/*:refs/remotes/origin/*'" >&2
  exit 1
fi
# As .ci/run does: where there is a shared cache, use it.
if [[ -n ${PANTS_REMOTE_STORE_ADDRESS:-} ]]; then
  export PANTS_REMOTE_CACHE_READ=${PANTS_REMOTE_CACHE_READ:-true}
fi
exec ./pants --tag=-by-hand --changed-since="$branch" --changed-dependents=transitive "$@"
