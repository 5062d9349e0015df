#!/usr/bin/env bash
# Print the tests without one of the tags that CONTRIBUTING.md lists, and those with a tag that says too
# little, and fail when there are any: `./pants --tag=unit test ::` and its like would be wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

untagged=$(./pants --filter-target-type=python_test --tag=-unit,database,engine,browser,slow list ::)
if [[ -n $untagged ]]; then
  printf '%s\n' "$untagged"
  echo 'These tests have none of the tags unit, database, engine, browser, slow.' \
    'Fix: add tags=["unit"], or what they need, to the defaults of their BUILD file.'
  exit 1
fi

# What starts servers, engines or Pants is called so, and `--tag=unit` promises none of them.
unit=$(./pants --filter-target-type=python_test --tag=unit list ::)
mistagged=$(grep '_integration_test\.py' <<<"$unit" || true)
if [[ -n $mistagged ]]; then
  printf '%s\n' "$mistagged"
  echo 'These tests have the tag unit, which is for tests without a service or a container engine.' \
    'Fix: set tags=["slow"], or what they need, in their BUILD file.'
  exit 1
fi
