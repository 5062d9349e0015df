#!/usr/bin/env bash
# Package the cache server, and run it until a signal. Its settings are in the environment
# (docs/shared-cache.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

./pants package build-support/cache_server:cache-server
python=$(build-support/setup/python.sh 3.12)
exec "$python" dist/build-support.cache_server/cache-server.pex
