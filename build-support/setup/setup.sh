#!/usr/bin/env bash
# Check for what a task needs, install what is missing, then run the command if one is given.
#
#   setup.sh TASK [COMMAND...]
#
# TASK is one of
#   code     Pythons and a C compiler: lint, fmt, check, locks
#   engine   a container engine that answers
#   image    code, engine, and the base image
#   test     image, and a MariaDB server for the tests to start
#   debootstrap   what the stand-in for the base image is made with
#
# Installing is for root on Debian and Ubuntu only; elsewhere it says what to install and stops.
# What is there already costs a check and no output. MIRROR=cn is followed (see mirror.sh).

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in common mirror python packages engine; do
  # shellcheck source=/dev/null
  source "$here/$part.sh"
done

needs() {
  case $1 in
    code) echo compiler python3.9 python3.12 ;;
    engine) echo engine ;;
    image) echo engine compiler python3.9 python3.12 ;;
    test) echo engine compiler python3.9 python3.12 mariadb ;;
    debootstrap) echo debootstrap ;;
    *) fail "no such task: $1. There are: code, engine, image, test, debootstrap." ;;
  esac
}

is_here() {
  local path
  case $1 in
    engine) has docker ;;
    compiler) has gcc && has strip && gcc -E -include stdio.h -x c /dev/null >/dev/null 2>&1 ;;
    debootstrap) [[ -x /usr/sbin/debootstrap ]] && has strip ;;
    mariadb) PATH=$PATH:/usr/sbin has mariadbd ;;
    # What Pants itself runs on needs no headers.
    python3.9) find_python 3.9 >/dev/null ;;
    python*) path=$(find_python "${1#python}") && python_has_headers "$path" ;;
  esac
}

# One thing after another, for root on Debian or Ubuntu.
install() {
  local thing packages=() pythons=()
  for thing in "$@"; do
    if [[ $thing == python* ]]; then
      pythons+=("$thing")
    else
      # shellcheck disable=SC2207 # package names have no spaces
      packages+=($(packages_for apt-get "$thing"))
    fi
  done
  if [[ " $* " == *' engine '* ]]; then
    # Parts that some releases have as packages of their own, or that this kernel asks for.
    for thing in docker-cli docker-buildx; do
      ! apt_has "$thing" || packages+=("$thing")
    done
    [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) != Y ]] || packages+=(apparmor)
  fi
  ((${#packages[@]} == 0)) || apt_install "${packages[@]}"
  for thing in ${pythons[@]+"${pythons[@]}"}; do
    if apt_has "$thing"; then
      apt_install "$thing" "$thing-venv" "$thing-dev"
    else
      uv_install_python "${thing#python}"
    fi
    hash -r
    is_here "$thing" || fail "Python ${thing#python} is still missing." \
      "$(python_advice "${thing#python}")"
  done
}

main() {
  local task=${1:?"give a task: code, engine, image, test or debootstrap"} thing needed missing=()
  shift
  use_mirror
  needed=$(needs "$task")
  for thing in $needed; do
    is_here "$thing" || missing+=("$thing")
  done
  if ((${#missing[@]})); then
    is_debian || refuse "this system is neither Debian nor Ubuntu" "${missing[@]}"
    is_root || refuse "this user is not root" "${missing[@]}"
    install "${missing[@]}"
  fi
  if [[ $task != code && $task != debootstrap ]]; then
    engine_ready
  fi
  if [[ $task == image || $task == test ]]; then
    "$repo/deploy/base/ensure.sh"
  fi
  (($# == 0)) || exec "$@"
}

main "$@"
