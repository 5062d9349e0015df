#!/usr/bin/env bash
# The image, and `about` run from it. Where no container engine is available, the same image as an
# archive, assembled without one: it can be loaded and run elsewhere.
#
# Without an engine the base comes from a registry that its name says, or from a file:
#   BASE_IMAGE=registry.example/python:3.12-slim-bookworm
#   BASE_IMAGE=docker-archive:/path/to/base.tar    of `docker save`
#   BASE_IMAGE=oci:/path/to/layout

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
# shellcheck source=/dev/null
source "$here/common.sh"
setup=$here/setup.sh

# Pants is set up and the driver, which takes longest, is compiled while an engine starts and a base
# is made. It has a process group of its own, so that Ctrl-C can end all of it.
early=
start_early() {
  set -m
  "$setup" code ./pants --no-dynamic-ui package 3rdparty/asyncmy:wheel </dev/null &
  early=$!
  set +m
  trap 'kill -TERM -- "-$early" 2>/dev/null || :; wait "$early" || :' EXIT
}

# Its failure is said again, and by name, by the build that needs it.
finish_early() {
  [[ -n $early ]] || return 0
  wait "$early" || :
  early=
  trap - EXIT
}

if "$setup" --install image; then
  start_early
  if "$setup" engine; then
    "$setup" image
    finish_early
    "$setup" code ./pants package deploy:image
    exec "$setup" engine docker run --rm fastapp:latest-py3.12
  fi
  finish_early
fi

say "without a container engine (what it lacks is said above) the image becomes an archive"
case ${BASE_IMAGE:-} in
  stand-in) fail "BASE_IMAGE=stand-in is made in a container engine, and there is none. Give a" \
    "registry's BASE_IMAGE=<host>/python:3.12-slim-bookworm, or oci:/path, or docker-archive:/path." ;;
  ?*) export PANTS_IMAGE_ASSEMBLY_BASE=$BASE_IMAGE ;;
  # One that was made for an engine is no use here.
  *) export PANTS_IMAGE_ASSEMBLY_BASE=python:3.12-slim-bookworm ;;
esac
"$setup" code ./pants package deploy:oci
say "the image is dist/deploy/oci.tar: 'docker load', 'podman load' and 'skopeo copy' take it"
