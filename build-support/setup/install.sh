# shellcheck shell=bash
# Installing, for root on Debian and Ubuntu.

# Does apt know a package that it could install?
apt_has() {
  has apt-cache && [[ $(apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[!\(]* ]]
}

# apt-get without questions. It waits while another process holds a lock; what it said stays in
# $apt_log, for the one who has to report a failure.
apt_log=
apt() {
  local attempt
  for attempt in {1..60}; do
    if apt_log=$(DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
      -o Dpkg::Use-Pty=0 "$@" 2>&1 </dev/null); then
      return 0
    fi
    [[ $apt_log == *'Could not get lock'* || $apt_log == *'Unable to lock'* ]] || return 1
    ((attempt > 1)) || say "waiting for another process that uses apt"
    sleep 5
  done
  return 1
}

apt_fail() {
  tail -n 10 <<<"$apt_log" >&2
  fail "$1; what apt said is above."
}

# No package may start a service while it is being installed: what the build needs, it starts
# itself. A policy of this machine is left as it is.
without_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  # shellcheck disable=SC2064 # the value of now
  trap "rm -f $policy" EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
  "$@" || status=$?
  rm -f "$policy"
  trap - EXIT
  return "$status"
}

apt_update() {
  say "updating the package lists"
  apt update || apt_fail "the package lists could not be updated"
}

# The lists are updated only if they lack a package, or name one that is gone.
apt_install() {
  local package
  for package in "$@"; do
    if ! apt_has "$package"; then
      apt_update
      break
    fi
  done
  say "installing $*"
  without_services apt install --no-install-recommends "$@" && return
  apt_update
  without_services apt install --no-install-recommends "$@" ||
    apt_fail "these packages could not be installed: $*"
}

# A Python that the distribution does not have, by uv, which comes from the Python index.
uv_install_python() {
  local version=$1 uv=uv place advice
  advice="Install Python $version with its headers yourself, by \`uv python install $version\` or \
\`pyenv install $version\`, or set PANTS_PYTHON${version/./}=<path of python$version>."
  if ! has uv; then
    place=$(in_repo .cache/uv)
    uv=$place/bin/uv
    if [[ ! -x $uv ]]; then
      python3 -I -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
      say "installing uv, to get Python $version"
      { python3 -I -m venv "$place" && "$place/bin/pip" install --quiet uv; } ||
        fail "uv could not be installed from the Python index." "$advice"
    fi
  fi
  say "installing Python $version"
  "$uv" python install "$version" || fail "uv could not get Python $version." "$advice"
  find_python "$version" >/dev/null || fail "Python $version is still missing." "$advice"
}

# install_missing THING...
install_missing() {
  local thing found packages=() optional=()
  # Not in every release, or only where the kernel asks for it.
  if [[ " $* " == *' engine '* ]]; then
    optional=(docker-cli docker-buildx)
    if [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]]; then
      optional+=(apparmor)
    fi
  fi
  apt_has gcc || apt_update
  for thing in "$@"; do
    read -ra found <<<"$(packages_for apt-get "$thing")"
    packages+=(${found[@]+"${found[@]}"})
  done
  for thing in ${optional[@]+"${optional[@]}"}; do
    ! apt_has "$thing" || packages+=("$thing")
  done
  ((${#packages[@]} == 0)) || apt_install "${packages[@]}"
  hash -r
  for thing in "$@"; do
    if [[ $thing == python* ]] && ! is_here "$thing"; then
      uv_install_python "${thing#python}"
    fi
    is_here "$thing" || fail "$thing is still missing after it was installed."
  done
}
