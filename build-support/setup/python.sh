#!/usr/bin/env bash
# Find a Python: `python.sh 3.12` prints the path of an interpreter of that version, or fails.
#
# Looked for, in this order: the variable PYTHON312 (PYTHON39 for 3.9), python3.12 on PATH, pyenv,
# uv. An interpreter counts only if it runs, is of that version, and can make virtual environments.

python_works() {
  [[ -n $1 ]] && "$1" -I -S -c '
import sys, ensurepip, venv
sys.exit("%d.%d" % sys.version_info[:2] != sys.argv[1])' "$2" >/dev/null 2>&1
}

# Native wheels are compiled against the headers of the interpreter.
python_has_headers() {
  "$1" -I -S -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null
}

python_candidates() {
  local version=$1
  command -v "python$version" || true
  compgen -G "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}/versions/$version.*/bin/python$version" |
    sort -rV || true
  local data=${XDG_DATA_HOME:-${HOME:-/nonexistent}/.local/share}
  compgen -G "${UV_PYTHON_INSTALL_DIR:-$data/uv/python}/cpython-$version.*/bin/python$version" |
    sort -rV || true
}

find_python() {
  local version=$1 variable=PYTHON${1/./} path
  if [[ -n ${!variable:-} ]]; then
    if python_works "${!variable}" "$version"; then
      echo "${!variable}"
      return 0
    fi
    echo "setup: $variable=${!variable} is not a working Python $version" >&2
    return 1
  fi
  while read -r path; do
    if python_works "$path" "$version"; then
      echo "$path"
      return 0
    fi
  done < <(python_candidates "$version")
  return 1
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  find_python "${1:?give a version, such as 3.12}"
fi
