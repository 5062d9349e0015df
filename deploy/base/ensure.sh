#!/usr/bin/env bash
# Make sure that the base image is in the container engine, and say which one it is.
#
# The base is python:3.12-slim-bookworm: the one in the engine, or pulled. Where no registry can be
# reached, a stand-in equal in use is made on this machine (make-stand-in.sh), and one line says so
# each time. BASE_IMAGE=<reference> takes another image, a digest pin included; BASE_IMAGE=stand-in
# asks for the stand-in. With --key it only prints what a stand-in made now would be known by.
#
# A base other than the default is written to .cache/base-image, one line, which the launcher
# reads; the file is removed when the default is in use.

set -euo pipefail
trap 'exit 130' INT
trap 'exit 143' TERM

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
setup=$repo/build-support/setup
official=python:3.12-slim-bookworm
stand_in=qingkong-base:3.12-slim-bookworm-local
# The engine is the one of ./pants.
for part in common python engine; do
  # shellcheck source=/dev/null
  source "$setup/$part.sh"
done
state=$repo/.cache/base-image
# Why the registry could not be reached, the last time; asked again after a day.
unreachable=$repo/.cache/base-unreachable

say() {
  printf 'base: %s\n' "$@" >&2
}

fail() {
  say "$@"
  exit 1
}

in_engine() {
  docker image inspect "$1" >/dev/null 2>&1
}

# Write a file only when that changes it: Pants watches what the launcher makes of it.
write_state() {
  if [[ ! -f $state || $(<"$state") != "$1" ]]; then
    echo "$1" >"$state.new"
    mv "$state.new" "$state"
  fi
}

# Pull an image. The registry has BASE_ANSWER_SECONDS (10) to begin, and then all the time it
# needs. What the engine said is left in $answer.
pull() {
  local log=$repo/.cache/base-pull pid tenths status=0 seconds=${BASE_ANSWER_SECONDS:-10}
  # The job may begin, and open it, later than it is read below.
  : >"$log"
  docker pull "$1" >>"$log" 2>&1 9>&- &
  pid=$!
  # A job in the background does not hear of Ctrl-C.
  # shellcheck disable=SC2064 # the value of now
  trap "kill $pid 2>/dev/null" EXIT
  for ((tenths = 0; tenths < seconds * 10; tenths++)); do
    if ! kill -0 "$pid" 2>/dev/null; then
      break
    elif grep -qi 'pulling\|digest:' "$log"; then
      say "pulling $1"
      break
    fi
    sleep 0.1
  done
  if ((tenths == seconds * 10)); then
    kill "$pid" 2>/dev/null || true
    echo "no answer in $seconds seconds" >>"$log"
  fi
  wait "$pid" || status=$?
  trap - EXIT
  answer=$(grep -v '^$' "$log" | tail -n 1) || answer="no answer"
  rm -f "$log"
  return "$status"
}

# What the stand-in is made of: another script, Python or machine makes another image.
key_of() {
  {
    cat "$here"/{make-stand-in.sh,copy_python.py,write_image.py,dpkg-slim.cfg}
    "$1" -I -S -c 'import sys; print(sys.version)'
    uname -m
  } | sha256sum | cut -c1-16
}

find_python() {
  "$setup/python.sh" 3.12 ||
    fail "a stand-in for $official needs a Python 3.12 on this machine; set PANTS_PYTHON312=<path>."
}

use_stand_in() {
  local reason=$1 python key old
  python=$(find_python)
  key=$(key_of "$python")
  if [[ $(docker image inspect -f '{{index .Config.Labels "io.qingkong.base.key"}}' \
    "$stand_in" 2>/dev/null) != "$key" ]]; then
    [[ $(id -u) == 0 ]] || fail "$official: $reason." \
      "Making a stand-in for it takes root. Run this as root once, or give BASE_IMAGE=<reference>."
    "$setup/setup.sh" debootstrap
    say "$official: $reason; making a stand-in from Debian packages and $("$python" -V)"
    old=$(docker image inspect -f '{{.Id}}' "$stand_in" 2>/dev/null) || true
    "$here/make-stand-in.sh" "$python" "$stand_in" "$key" 9>&-
    # Fails, and should, while something is built on the one before.
    [[ -z $old ]] || docker image rm "$old" >/dev/null 2>&1 || true
  fi
  write_state "$stand_in"
  say "$official: $reason; using the local stand-in $stand_in"
}

use_given() {
  if ! in_engine "$1"; then
    pull "$1" || fail "BASE_IMAGE=$1 is not in the container engine and cannot be pulled: $answer"
  fi
  write_state "$1"
  say "using BASE_IMAGE=$1"
}

use_official() {
  rm -f "$state" "$unreachable"
}

if [[ ${1:-} == --key ]]; then
  python=$(find_python)
  key_of "$python"
  exit
fi

engine_choose || ! engine_is_chosen || fail "${engine_problem:?}"
mkdir -p "$repo/.cache"
exec 9>"$repo/.cache/base.lock"
flock 9

case ${BASE_IMAGE:-} in
  "" | "$official") ;;
  stand-in)
    use_stand_in "not wanted (BASE_IMAGE=stand-in)"
    exit
    ;;
  *)
    use_given "$BASE_IMAGE"
    exit
    ;;
esac

if in_engine "$official"; then
  use_official
elif [[ -n $(find "$unreachable" -mmin -1440 2>/dev/null) ]]; then
  use_stand_in "not reachable"
elif pull "$official"; then
  use_official
else
  case $answer in
    *toomanyrequests* | *unauthorized* | *'pull access denied'* | *'manifest'*)
      fail "the registry refused $official: $answer" \
        "Give another with BASE_IMAGE=<reference>, or BASE_IMAGE=stand-in to have one made here."
      ;;
  esac
  echo "$answer" >"$unreachable"
  use_stand_in "not reachable"
fi
