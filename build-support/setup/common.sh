# shellcheck shell=bash
# What the setup scripts share: messages, how they end, and what kind of machine this is.

# Ctrl-C ends the script, too, and not only the program that it waits for.
trap 'exit 130' INT
trap 'exit 143' TERM

say() {
  printf 'setup: %s\n' "$@"
}

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# The path of a file of the repository.
in_repo() {
  (cd "${BASH_SOURCE[0]%/*}/../.." && printf '%s/%s\n' "$PWD" "$1")
}

is_root() {
  [[ $(id -u) == 0 ]]
}

# The ID of the system. A test gives another os-release.
system_id() {
  local key value
  while IFS='=' read -r key value; do
    if [[ $key == ID ]]; then
      printf '%s\n' "${value//\"/}"
      return
    fi
  done <"${SETUP_OS_RELEASE:-/etc/os-release}"
} 2>/dev/null

is_ubuntu() {
  [[ $(system_id) == ubuntu ]]
}

# Debian and Ubuntu themselves, not what is made from them.
is_debian() {
  [[ $(system_id) == debian || $(system_id) == ubuntu ]] && has apt-get
}
