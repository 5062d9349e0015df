#!/usr/bin/env bash
# Make a base image equal in use to python:3.12-slim-bookworm, from Debian packages and a CPython
# of this machine, and load it into the container engine.
#
#   make-stand-in.sh PYTHON TAG KEY
#
# PYTHON is the interpreter to copy, TAG the name of the image, KEY what ensure.sh knows it by.
# Packages come from the mirror in this machine's own apt sources, or from APT_MIRROR (and
# APT_SECURITY_MIRROR, by default APT_MIRROR with "-security" after it).

set -euo pipefail

# In namespaces of its own, where root may make them: whatever ends this script, kill -9 included,
# ends all that it started and undoes its mounts.
namespaces=(unshare --mount --pid --fork --kill-child --mount-proc)
if [[ ${1:?} != --in-namespaces ]]; then
  if "${namespaces[@]}" true 2>/dev/null; then
    exec "${namespaces[@]}" "${BASH_SOURCE[0]}" --in-namespaces "$@"
  fi
else
  shift
fi
# The first process of a namespace is not ended by a signal that it does not handle.
trap 'exit 130' INT
trap 'exit 143' TERM
# Where programs for root are, which is not on everybody's PATH, root's own included.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$1
tag=$2
key=$3
suite=bookworm
epoch=${SOURCE_DATE_EPOCH:-1700000000}
debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# What the official image has above debian:bookworm-slim: what its Python links, and three more.
packages=ca-certificates,libbz2-1.0,libcrypt1,libdb5.3,libexpat1,libffi8,libgdbm6,liblzma5,libncursesw6
packages+=,libnsl2,libreadline8,libsqlite3-0,libssl3,libtirpc3,libuuid1,netbase,tzdata,zlib1g

# A folder that its maker does not hold any more is left from one that was killed.
places=${TMPDIR:-/tmp}/qingkong-base
for left in "$places".*; do
  if [[ -d $left && -O $left ]] && flock --nonblock "$left" true; then
    rm -rf --one-file-system "$left"
  fi
done
new=$(mktemp -d "$places-new.XXXXXXXX")
exec 8<"$new"
flock 8
work=$places.${new##*.}
mv -T "$new" "$work"
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT
mkdir -m 0755 "$root"

fail() {
  printf 'base: %s\n' "$@" >&2
  exit 1
}

# The mirrors, one per line: URI SUITE COMPONENTS KEYRING.
sources() {
  if [[ -n ${APT_MIRROR:-} ]]; then
    local security=${APT_SECURITY_MIRROR:-${APT_MIRROR%/}-security}
    printf '%s %s main -\n' "$APT_MIRROR" "$suite" "$APT_MIRROR" "$suite-updates" \
      "$security" "$suite-security"
  else
    # shellcheck source=/dev/null
    "$python" "$here/apt_sources.py" --suite "$suite" \
      --machine "$(. /etc/os-release && echo "${VERSION_CODENAME:-none}")"
  fi
}

sources >"$work/sources" || fail \
  "this machine's apt sources have no Debian $suite to make a base image from." \
  "Name a mirror with APT_MIRROR=<address>, or an image with BASE_IMAGE=<reference>."

# 1. A minimal system. Its dpkg leaves documentation out, and does not wait for the disk.
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
cp "$here/dpkg-slim.cfg" "$root/etc/dpkg/dpkg.cfg.d/slim"
read -r mirror _ _ keyring <"$work/sources"
[[ $keyring == - ]] && keyring=$debian_keyring
[[ -r $keyring ]] || fail "the keyring $keyring is missing; install debian-archive-keyring."
# Its programs run inside, where a TMPDIR of this machine may not exist.
LC_ALL=C TMPDIR=/tmp debootstrap --variant=minbase --merged-usr --keyring="$keyring" --include="$packages" \
  "$suite" "$root" "$mirror" >"$work/log" 2>&1 || {
  tail -n 20 "$work/log" >&2
  fail "debootstrap from this machine's mirror failed; its last lines are above."
}

# 2. Its updates, with the apt of this machine, so that its proxies and certificates hold.
mkdir -p "$work/apt"
while read -r uri name components signed; do
  [[ $signed == - ]] && signed=$debian_keyring
  echo "deb [signed-by=$signed] $uri $name ${components//,/ }"
done <"$work/sources" >"$work/apt/sources.list"
in_root() {
  LC_ALL=C TMPDIR=/tmp DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
    -o APT::Architecture="$(dpkg --print-architecture)" -o APT::Sandbox::User=root \
    -o Dir::State="$root/var/lib/apt" -o Dir::State::status="$root/var/lib/dpkg/status" \
    -o Dir::Cache="$root/var/cache/apt" -o Dir::Log="$work/apt" \
    -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o DPkg::Chroot-Directory="$root" -o DPkg::Install::Recursive=false \
    -o DPkg::Use-Pty=0 "$@"
}
{ in_root update && in_root dist-upgrade --no-install-recommends; } >"$work/log" 2>&1 || {
  tail -n 20 "$work/log" >&2
  fail "the security updates of $suite could not be installed; apt's last lines are above."
}

# 3. Python, and pip from the wheel inside it.
"$python" -I -B "$here/copy_python.py" "$root"
chroot "$root" ldconfig
image_path=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
inside() { env -i PATH=$image_path LANG=C.UTF-8 chroot "$root" "$@"; }
for module in "$root"/usr/local/lib/python3.12/lib-dynload/*.so; do
  if [[ $(inside ldd "${module#"$root"}" 2>&1) == *'not found'* ]]; then
    echo "base: left out of the stand-in: $(basename "$module") (its libraries are not in $suite)"
    rm "$module"
  fi
done
inside python3 -I -B -c 'import bz2, ctypes, curses, dbm, lzma, readline, sqlite3, ssl, uuid, zlib' ||
  fail "the Python at $python does not run on Debian $suite; give another with PANTS_PYTHON312=<path>."
inside python3 -I -B - <<'PYTHON'
import glob
import sys

(wheel,) = glob.glob("/usr/local/lib/python3.12/ensurepip/_bundled/pip-*.whl")
sys.path.insert(0, wheel)
from pip._internal.cli.main import main

options = ["--no-index", "--no-compile", "--no-cache-dir", "--root-user-action=ignore", "-q"]
sys.exit(main(["install", *options, "--find-links", wheel.rpartition("/")[0], "pip"]))
PYTHON

# 4. What an image has no use for, and what differs from one making to the next.
rm -rf "$root"/usr/share/{doc,doc-base,groff,info,linda,lintian,locale,man} \
  "$root"/var/cache/* "$root"/var/lib/apt/lists "$root"/var/log/* "$root"/tmp/* "$root"/run/* \
  "$root"/etc/apt/{sources.list,sources.list.d} "$root"/etc/{resolv.conf,hostname,machine-id} \
  "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid}- "$root"/var/lib/dpkg/*-old \
  "$root"/var/lib/systemd "$root"/etc/.pwd.lock "$root"/debootstrap
mkdir -p "$root"/etc/apt/sources.list.d "$root"/var/lib/apt/lists/partial \
  "$root"/var/cache/apt/archives/partial
find "$root" -xdev \( -name '*.pyc' -o -name '*.pyo' \) -delete
find "$root" -xdev -depth -type d -name __pycache__ -empty -delete
sed -i "s/^\([^:]*:[^:]*\):[0-9]*:/\1:$((epoch / 86400)):/" "$root/etc/shadow"

# 5. The image.
tar -C "$root" --one-file-system --sort=name --numeric-owner --format=gnu \
  --mtime="@$epoch" --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \
  -cf "$work/layer.tar" .
version=$(inside python3 -c 'import platform; print(platform.python_version())')
"$python" -I -B "$here/write_image.py" --layer "$work/layer.tar" --tag "$tag" --epoch "$epoch" \
  --architecture "$(dpkg --print-architecture)" \
  --env "PATH=$image_path" \
  --env LANG=C.UTF-8 --env "PYTHON_VERSION=$version" \
  --label io.qingkong.base.stand-in=true \
  --label "io.qingkong.base.key=$key" \
  --label "io.qingkong.base.python=$version" \
  --label "io.qingkong.base.suite=$suite" \
  --label "org.opencontainers.image.title=Stand-in for python:3.12-slim-bookworm" \
  --label "org.opencontainers.image.description=Made from Debian packages and a local CPython" |
  docker load -q >/dev/null
