#!/usr/bin/env bash
# Package the cache server, and run it until a signal. Its settings are in the environment
# (docs/shared-cache.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

./pants package build-support/cache_server:cache-server
python=$(build-support/setup/python.sh 3.12)
if [[ -z ${CACHE_SERVER_FOLDER-} ]]; then
  # Beside what the launcher sets up.
  # shellcheck disable=SC2034 # lib.sh reads it
  launcher_root=$PWD
  # shellcheck source=build-support/bootstrap/lib.sh disable=SC1091
  source build-support/bootstrap/lib.sh
  launcher_find_state
  export CACHE_SERVER_FOLDER=${launcher_state:?}/cache-server
fi
exec "$python" dist/build-support.cache_server/cache-server.pex
