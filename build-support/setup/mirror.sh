# shellcheck shell=bash
# MIRROR=cn: everything is fetched from the mirrors that pants.cn.toml names.
#
# Exported for what comes after: PANTS_CONFIG_FILES (Pants adds the file to pants.toml),
# PIP_INDEX_URL (pip and the launcher) and APT_MIRROR, APT_SECURITY_MIRROR (the base image).
# The apt sources of this machine stay as they are.

# toml_value KEY FILE: the value of `KEY = "value"`, written on one line.
toml_value() {
  sed -n "s/^$1 *= *\"\(.*\)\" *\$/\1/p" "$2"
}

use_mirror() {
  [[ -n ${MIRROR:-} ]] || return 0
  local name="pants.$MIRROR.toml" file
  file=$(in_repo "$name")
  [[ -f $file ]] || fail "MIRROR=$MIRROR needs a file $name in the repository, and there is none."
  PIP_INDEX_URL=$(toml_value python_index "$file")
  APT_MIRROR=$(toml_value apt_mirror "$file")
  APT_SECURITY_MIRROR=$(toml_value apt_security_mirror "$file")
  [[ -n $PIP_INDEX_URL && -n $APT_MIRROR && -n $APT_SECURITY_MIRROR ]] || fail \
    "$name names no python_index, apt_mirror or apt_security_mirror under [DEFAULT]."
  # shellcheck disable=SC2089 # the quotes are for Pants
  # A name alone is added to what Pants reads anyway; two are two lists to add.
  case ${PANTS_CONFIG_FILES:-} in
    *"$name"*) ;;
    '') PANTS_CONFIG_FILES=$name ;;
    [+[]*) PANTS_CONFIG_FILES+=",+['$name']" ;;
    *) PANTS_CONFIG_FILES="+['$PANTS_CONFIG_FILES','$name']" ;;
  esac
  # shellcheck disable=SC2090
  export PIP_INDEX_URL APT_MIRROR APT_SECURITY_MIRROR PANTS_CONFIG_FILES
}
