#!/usr/bin/env bash
# Check for what a task needs, install what is missing, then run the command if one is given.
#
#   setup.sh TASK [COMMAND...]
#   setup.sh --install TASK     only install what is missing: nothing is started, no base is made
#
# TASK is one of
#   code          Pythons and a C compiler: lint, fmt, check, lock
#   engine        a container engine that answers
#   image         both, and the base image
#   test          the same, and what the tests start: databases, a registry, other programs
#   hostile       Pythons, a C compiler and openssl: build-support/ci/hostile.sh
#   bench         what benchmarks/server needs: Pythons, a C compiler, nginx, load generators
#   cache-server  Pythons, a C compiler and Redis: make cache-server
#   debootstrap   what the stand-in for the base image is made with
#
# Installing is for root on Debian and Ubuntu only; elsewhere it says what to install and stops.
# What is there already costs a check and no output. MIRROR=cn is followed (see mirror.sh).

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in common mirror python packages install engine; do
  # shellcheck source=/dev/null
  source "$here/$part.sh"
done

needs() {
  case $1 in
    code) echo compiler python3.9 python3.12 ;;
    hostile) echo compiler python3.9 python3.12 openssl ;;
    engine) echo engine ;;
    image) echo engine compiler python3.9 python3.12 ;;
    test)
      echo engine compiler python3.9 python3.12 mariadb mariadb-headers postgresql registry \
        openssl nginx redis chromium load cross-compiler faketime diffoscope strace podman ssh-server \
        debootstrap bubblewrap
      ;;
    bench) echo compiler python3.9 python3.12 nginx load ;;
    cache-server) echo compiler python3.9 python3.12 redis ;;
    debootstrap) echo debootstrap ;;
    *)
      fail "no such task: $1. There are: code, hostile, engine, image, test, bench, cache-server," \
        "debootstrap."
      ;;
  esac
}

# The processor that this machine's compiler makes nothing for.
other_machine() {
  if [[ $(uname -m) == x86_64 ]]; then echo aarch64; else echo x86_64; fi
}

# Is there a compiler, and its C library's headers?
preprocesses() {
  "$1" -E -include stdio.h -x c /dev/null >/dev/null 2>&1
}

# A cheap proof that a thing is there and works.
is_here() {
  case $1 in
    engine) engine_is_here ;;
    compiler) has strip && preprocesses gcc ;;
    debootstrap) [[ -x /usr/sbin/debootstrap ]] || has debootstrap ;;
    registry) has docker-registry && has skopeo && has zstd ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || has initdb ;;
    mariadb) (PATH=$PATH:/usr/sbin && has mariadbd && has mariadb-install-db) ;;
    faketime | diffoscope | strace) has "$1" ;;
    cross-compiler) preprocesses "$(other_machine)-linux-gnu-gcc" ;;
    # What signatures of images are verified with.
    openssl) has openssl ;;
    # For the driver that benchmarks/driver compares with and that is built here.
    mariadb-headers) [[ -e /usr/include/mariadb/mysql.h || -e /usr/include/mysql/mysql.h ]] ;;
    nginx) has_daemon nginx ;;
    # Where the cache server keeps results.
    redis) has redis-server ;;
    # What a worker for remote execution keeps processes apart with.
    bubblewrap) has bwrap ;;
    # Engines that images are brought into, and a way to one. An ordinary user's maps IDs.
    podman) has podman && has newuidmap ;;
    ssh-server) has_daemon sshd && has ssh-keygen ;;
    # Ubuntu has it as a snap only, which containers cannot run; the browser's tests say so.
    chromium) has chromium-headless-shell || has chromium || is_ubuntu ;;
    load) has wrk && has hey ;;
    # Pants itself runs on 3.9; native wheels are built for 3.12, against its headers.
    python3.9) find_python 3.9 >/dev/null ;;
    python3.12) find_python 3.12 headers >/dev/null ;;
  esac
}

main() {
  local only_install=
  if [[ ${1:-} == --install ]]; then
    only_install=yes
    shift
  fi
  local task=${1:?"give a task: code, hostile, engine, image, test, bench, cache-server or debootstrap"} thing needed missing=()
  use_mirror
  needed=$(needs "$task")
  for thing in $needed; do
    is_here "$thing" || missing+=("$thing")
  done
  if ((${#missing[@]})); then
    is_debian || refuse "this system is neither Debian nor Ubuntu" "${missing[@]}"
    is_root || refuse "this user is not root" "${missing[@]}"
    install_missing "${missing[@]}"
  fi
  [[ -z $only_install ]] || exit 0
  [[ " $needed " != *' engine '* ]] || engine_ready
  case $task in
    image | test) "$here/../../deploy/base/ensure.sh" ;;
  esac
}

main "$@"
shift
(($# == 0)) || exec "$@"
