# shellcheck shell=bash
# What a missing thing is called here, and the refusal to install it.

# packages_for MANAGER THING: the packages that bring it; nothing where the manager has none.
packages_for() {
  case $1:$2 in
    apt-get:engine) echo docker.io ca-certificates ;;
    apt-get:compiler) echo gcc libc6-dev ;;
    # And what reads images beside our own code.
    apt-get:registry) echo docker-registry skopeo zstd ;;
    apt-get:debootstrap) echo debootstrap debian-archive-keyring ;;
    # The programs without the service.
    apt-get:mariadb) echo mariadb-server-core mariadb-client-core ;;
    # Of the release that the system has; no service of it is started.
    apt-get:postgresql) echo postgresql ;;
    apt-get:mariadb-headers) echo libmariadb-dev ;;
    apt-get:strace) echo strace ;;
    # Another clock for a build, and what tells two files apart.
    apt-get:faketime) echo faketime ;;
    apt-get:diffoscope) echo diffoscope-minimal ;;
    # For the other of the two processors that wheels and images are made for.
    apt-get:cross-compiler)
      if [[ $(uname -m) == x86_64 ]]; then
        echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross
      else
        echo gcc-x86-64-linux-gnu libc6-dev-amd64-cross
      fi
      ;;
    apt-get:nginx) echo nginx-light ;;
    # The service that it has is not started: the cache server starts its own.
    apt-get:redis) echo redis-server ;;
    apt-get:podman) echo podman crun uidmap iproute2 ;;
    apt-get:ssh-server) echo openssh-server openssh-client ;;
    dnf:podman | zypper:podman | pacman:podman | apk:podman) echo podman ;;
    dnf:ssh-server) echo openssh-server openssh-clients ;;
    zypper:ssh-server | pacman:ssh-server | apk:ssh-server) echo openssh ;;
    # The one without windows, where there is one: a quarter smaller.
    apt-get:chromium)
      if apt_has chromium-headless-shell; then echo chromium-headless-shell; else echo chromium; fi
      ;;
    # What benchmarks send requests with.
    apt-get:load) echo wrk hey ;;
    # Debian and Ubuntu have only the Python of their release.
    apt-get:python*) ! apt_has "$2" || echo "$2" "$2-venv" "$2-dev" ;;
    dnf:engine) echo moby-engine docker-cli ;;
    dnf:mariadb) echo mariadb-server ;;
    dnf:postgresql | zypper:postgresql) echo postgresql-server postgresql ;;
    pacman:postgresql | apk:postgresql | brew:postgresql) echo postgresql ;;
    dnf:mariadb-headers) echo mariadb-connector-c-devel ;;
    dnf:python*) echo "$2" "$2-devel" ;;
    dnf:compiler | zypper:compiler) echo gcc glibc-devel ;;
    zypper:python*) echo "${2/./}" "${2/./}-devel" ;;
    pacman:compiler) echo gcc ;;
    apk:compiler) echo gcc musl-dev ;;
    zypper:engine | pacman:engine | apk:engine) echo docker ;;
    brew:python*) echo "${2/python/python@}" ;;
    dnf:debootstrap | zypper:debootstrap | pacman:debootstrap | apk:debootstrap) echo debootstrap ;;
    *:openssl) echo openssl ;;
    pacman:mariadb-headers) echo mariadb-libs ;;
    zypper:mariadb-headers) echo libmariadb-devel ;;
    apk:mariadb-headers) echo mariadb-connector-c-dev ;;
    brew:mariadb-headers) echo mariadb-connector-c ;;
    *:nginx | *:chromium | *:redis | *:bubblewrap) [[ $1 == none ]] || echo "$2" ;;
    zypper:mariadb | pacman:mariadb | apk:mariadb | brew:mariadb) echo mariadb ;;
  esac
}

# What to do about a THING that the package manager does not have.
other_means() {
  case $1 in
    python*) echo "uv python install ${1#python}    # or: pyenv install ${1#python}" ;;
    *) echo "# $1: by the means of this system" ;;
  esac
}

package_manager() {
  local manager
  for manager in apt-get dnf zypper pacman apk brew; do
    if has "$manager"; then
      echo "$manager"
      return
    fi
  done
  echo none
}

# The command that a person would run to install packages.
install_command() {
  case $1 in
    apt-get) echo "apt-get update && apt-get install -y --no-install-recommends ${*:2}" ;;
    dnf | zypper) echo "$1 install -y ${*:2}" ;;
    pacman) echo "pacman -S --needed --noconfirm ${*:2}" ;;
    apk) echo "apk add ${*:2}" ;;
    brew) echo "brew install ${*:2}" ;;
  esac
}

# refuse REASON THING...: say what to install for the things that are missing, and stop.
refuse() {
  local manager thing found packages=() others=()
  manager=$(package_manager)
  for thing in "${@:2}"; do
    found=$(packages_for "$manager" "$thing")
    if [[ -n $found ]]; then
      packages+=("$found")
    else
      others+=("$(other_means "$thing")")
    fi
  done
  {
    echo "setup: missing: ${*:2}"
    echo "setup: nothing was installed, because $1."
    if ((${#packages[@]})); then
      echo "setup: run, as an administrator:"
      echo "  $(install_command "$manager" "${packages[*]}")"
    fi
    if ((${#others[@]})); then
      echo "setup: run, as yourself:"
      printf '  %s\n' "${others[@]}"
    fi
  } >&2
  exit 1
}
