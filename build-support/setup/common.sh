# shellcheck shell=bash
# What the setup scripts share: messages, and what kind of machine this is.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

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

is_root() {
  [[ $(id -u) == 0 ]]
}

# Debian and Ubuntu themselves; a test gives another os-release.
is_debian() {
  local name
  name=$(sed -n 's/^ID=//p' "${SETUP_OS_RELEASE:-/etc/os-release}" 2>/dev/null | tr -d '"') || true
  [[ $name == debian || $name == ubuntu ]] && has apt-get
}

# The value of `KEY = "value"` in a TOML file that writes it on one line.
toml_value() {
  sed -n "s/^$1 *= *\"\(.*\)\" *\$/\1/p" "$2" | head -n 1
}
