# shellcheck shell=bash
# What the setup scripts share: messages, and what kind of machine this is.

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

# Debian and Ubuntu themselves, not what is made from them. A test gives another os-release.
is_debian() {
  local key value
  while IFS='=' read -r key value; do
    if [[ $key == ID ]]; then
      value=${value//\"/}
      [[ $value == debian || $value == ubuntu ]] && has apt-get
      return
    fi
  done <"${SETUP_OS_RELEASE:-/etc/os-release}"
  return 1
} 2>/dev/null
