#!/usr/bin/env bash
# Builds PEXes, a native wheel and a layer from nothing, on a machine with hostile but legal
# settings (hostile.py says which), and leaves a report among those of the tests.
#
#   build-support/ci/hostile.sh [--keep]
set -euo pipefail

launcher_root=$(CDPATH='' cd -P -- "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=build-support/bootstrap/lib.sh
source "$launcher_root/build-support/bootstrap/lib.sh"

launcher_find_python 3.9 PANTS_PYTHON39
export PANTS_PYTHON39=${launcher_python:?}
launcher_find_python 3.12 PANTS_PYTHON312
export PANTS_PYTHON312=$launcher_python
cd "$launcher_root"
PYTHONPATH=$launcher_root/build-support:$launcher_root/build-support/bootstrap \
  exec "$PANTS_PYTHON312" -s -B -m ci.hostile "$@"
