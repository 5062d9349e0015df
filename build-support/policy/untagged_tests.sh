#!/usr/bin/env bash
# Print the tests without one of the tags that CONTRIBUTING.md lists, and fail when there are any:
# `./pants --tag=unit test ::` and its like would leave them out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

untagged=$(./pants --filter-target-type=python_test --tag=-unit,database,engine,browser,slow list ::)
if [[ -n $untagged ]]; then
  printf '%s\n' "$untagged"
  echo 'These tests have none of the tags unit, database, engine, browser, slow.' \
    'Fix: add tags=["unit"], or what they need, to the defaults of their BUILD file.'
  exit 1
fi
