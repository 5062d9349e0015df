#!/usr/bin/env bash
# Print what builds keep on this machine, with sizes: docs/upgrades.md has what may be removed.
#
# Only prints. The places are those of docs/mirrors.md, for the variables of this shell.

set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}
state=${QINGKONG_BUILD_CACHE:-$home/qingkong-build}
pants=${QINGKONG_BUILD_CACHE:-$home}/pants

# show DIRECTORY CONTENT
show() {
  local size=none
  [[ ! -e $1 ]] || size=$(du -sh -- "$1" 2>/dev/null | cut -f1) || :
  printf '%8s  %s  (%s)\n' "${size:-?}" "$1" "$2"
}

show "${PANTS_LOCAL_STORE_DIR:-$pants/lmdb_store}" "results of processes"
show "${PANTS_NAMED_CACHES_DIR:-$pants/named_caches}" "caches of pex and other tools"
show "$home/pex" "downloads of pex"
show "$state" "Pants, one environment for each version of its settings, and its tools"
show "$state/cache-server" "the shared cache, if this machine serves it; part of the line above"
show "$repo/dist" "what was built"
show "$repo/.pants.d" "logs and state of Pants"
show "$repo/.cache" "what is known of the base image"
