# shellcheck shell=bash
# What a missing thing is called, by package manager, and how it is installed.

package_manager() {
  local manager
  for manager in apt-get dnf zypper pacman apk brew; do
    if has "$manager"; then
      echo "$manager"
      return
    fi
  done
}

# The packages that bring a THING, for the MANAGER; nothing where it has none.
packages_for() {
  case $1:$2 in
    apt-get:engine) echo docker.io ca-certificates ;;
    apt-get:compiler) echo gcc libc6-dev ;;
    apt-get:debootstrap) echo debootstrap debian-archive-keyring ;;
    apt-get:mariadb) echo mariadb-server-core mariadb-client-core ;;
    apt-get:python*) echo "${2}" "${2}-venv" "${2}-dev" ;;
    dnf:engine) echo moby-engine docker-cli ;;
    dnf:mariadb) echo mariadb-server ;;
    zypper:engine | pacman:engine | apk:engine) echo docker ;;
    dnf:compiler | zypper:compiler) echo gcc glibc-devel ;;
    apk:compiler) echo gcc musl-dev ;;
    pacman:compiler) echo gcc ;;
    *:debootstrap) echo debootstrap ;;
    *:mariadb) echo mariadb ;;
    dnf:python*) echo "${2}" "${2}-devel" ;;
    zypper:python*) echo "${2/./}" "${2/./}-devel" ;;
    brew:python*) echo "${2/python/python@}" ;;
  esac
}

# The command that a person would run to install packages with the MANAGER.
install_command() {
  local manager=$1
  shift
  case $manager in
    apt-get) echo "apt-get update && apt-get install -y --no-install-recommends $*" ;;
    dnf | zypper) echo "$manager install -y $*" ;;
    pacman) echo "pacman -S --needed --noconfirm $*" ;;
    apk) echo "apk add $*" ;;
    brew) echo "brew install $*" ;;
  esac
}

# Say what would have to be done for the THINGS that are missing, and stop.
refuse() {
  local reason=$1 manager thing packages=() others=()
  shift
  manager=$(package_manager)
  for thing in "$@"; do
    local found
    read -ra found < <(packages_for "${manager:-none}" "$thing" || true) || true
    # apt has only the Python versions of its release: uv has all of them, everywhere.
    if [[ $thing == python* && (-z ${found[*]:-} || $manager == apt-get) ]] &&
      ! apt_has "$thing"; then
      others+=("uv python install ${thing#python}    # or pyenv; or set ${thing^^}=<path>" )
    elif [[ -n ${found[*]:-} ]]; then
      packages+=("${found[@]}")
    elif [[ $manager == brew && $thing == compiler ]]; then
      others+=("xcode-select --install")
    else
      others+=("# $thing: install it by the means of this system")
    fi
  done
  printf 'setup: missing: %s\n' "$*" >&2
  printf 'setup: nothing was installed, because %s. Run, as an administrator:\n' "$reason" >&2
  if ((${#packages[@]})); then
    printf '  %s\n' "$(install_command "$manager" "${packages[@]}")" >&2
  fi
  if ((${#others[@]})); then
    printf '  %s\n' "${others[@]//PYTHON3./PYTHON3}" >&2
  fi
  exit 1
}

apt_has() {
  has apt-cache && [[ $(apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[!\(]* ]]
}

# apt-get without questions; waits while another process holds a lock of apt or dpkg.
apt() {
  local log attempt
  log=$(mktemp)
  for attempt in {1..60}; do
    if DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
      -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null; then
      rm -f "$log"
      return 0
    fi
    grep -q 'Could not get lock\|Unable to lock' "$log" || break
    ((attempt > 1)) || say "waiting for another process that uses apt"
    sleep 5
  done
  tail -n 10 "$log" >&2
  rm -f "$log"
  return 1
}

# Install packages from apt. Nothing that they bring is started as a service: what the build
# needs it starts itself.
apt_install() {
  local package policy=/usr/sbin/policy-rc.d refreshed='' status=0
  for package in "$@"; do
    if [[ -z $refreshed ]] && ! apt_has "$package"; then
      apt update || fail "the package lists could not be fetched; apt's last lines are above."
      refreshed=yes
    fi
  done
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    # shellcheck disable=SC2064 # the path of now
    trap "rm -f '$policy'" EXIT
  else
    policy=
  fi
  say "installing $*"
  apt install --no-install-recommends "$@" 2>/dev/null || status=$?
  if ((status)) && [[ -z $refreshed ]]; then
    # Lists that are out of date name packages that are gone.
    status=0
    apt update && apt install --no-install-recommends "$@" || status=$?
  elif ((status)); then
    apt install --no-install-recommends "$@" || true
  fi
  [[ -z $policy ]] || rm -f "$policy"
  ((status == 0)) || fail "apt could not install: $*"
}

# A Python that the distribution does not have, by uv, which comes from the Python index.
uv_install_python() {
  local version=$1 uv=uv place="$repo/.cache/uv"
  if ! has uv; then
    uv=$place/bin/uv
    if [[ ! -x $uv ]]; then
      python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
      say "installing uv, to get Python $version"
      { python3 -m venv "$place" && "$place/bin/pip" install -q uv; } ||
        fail "uv could not be installed from the Python index." "$(python_advice "$version")"
    fi
  fi
  say "installing Python $version"
  "$uv" python install "$version" || fail "uv could not get Python $version." \
    "$(python_advice "$version")"
}

python_advice() {
  echo "Install Python $1 with its headers yourself, such as by \`uv python install $1\` or" \
    "\`pyenv install $1\`, or set PYTHON${1/./}=<path of python$1>."
}
