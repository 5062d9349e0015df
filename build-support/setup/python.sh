#!/usr/bin/env bash
# Find a Python: `python.sh 3.12` prints the path of an interpreter of that version, or fails.
#
# It is the one that ./pants finds (PANTS_PYTHON312, PATH, pyenv, uv), by the same code. What was
# found is kept in .cache and only proven again, because asking every shim is slow.

# Proves that an interpreter runs and is of a version; `headers` asks for its C headers too.
python_proof='
import os, sys
ok = "%d.%d" % sys.version_info[:2] == sys.argv[1]
if ok and "headers" in sys.argv:
    import sysconfig
    ok = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
sys.exit(not ok)'

python_is() {
  "$1" -I -S -B -c "$python_proof" "${@:2}" >/dev/null 2>&1
}

# find_python VERSION [headers]
find_python() (
  root=$(cd -P -- "${BASH_SOURCE[0]%/*}/../.." && pwd)
  variable=PANTS_PYTHON${1/./}
  kept=$root/.cache/python-$1
  path=
  [[ -n ${!variable:-} || ! -r $kept ]] || path=$(<"$kept")
  if [[ -z $path ]] || ! python_is "$path" "$1"; then
    # shellcheck disable=SC2034 # lib.sh reads it
    launcher_root=$root
    # shellcheck source=build-support/bootstrap/lib.sh disable=SC1091
    source "$root/build-support/bootstrap/lib.sh"
    launcher_find_python "$1" "$variable" 2>/dev/null || return 1
    path=${launcher_python:?}
    if [[ -z ${!variable:-} && -w $root ]]; then
      mkdir -p "$root/.cache"
      echo "$path" >"$kept"
    fi
  fi
  python_is "$path" "$@" || return 1
  echo "$path"
)

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  find_python "${1:?give a version, such as 3.12}"
fi
