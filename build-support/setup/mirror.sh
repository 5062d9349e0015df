# shellcheck shell=bash
# MIRROR=cn: everything is fetched from the mirrors that pants.cn.toml names.
#
# Exported for what comes after: PANTS_CONFIG_FILES (Pants adds the file to pants.toml),
# PIP_INDEX_URL (pip and the launcher) and APT_MIRROR, APT_SECURITY_MIRROR (the base image).
# The apt sources of this machine stay as they are.

use_mirror() {
  [[ -n ${MIRROR:-} ]] || return 0
  local name="pants.$MIRROR.toml" index
  local file="$repo/$name"
  [[ -f $file ]] || fail "MIRROR=$MIRROR needs a file $name in the repository, and there is none."
  index=$(toml_value python_index "$file")
  APT_MIRROR=$(toml_value apt_mirror "$file")
  APT_SECURITY_MIRROR=$(toml_value apt_security_mirror "$file")
  [[ -n $index && -n $APT_MIRROR && -n $APT_SECURITY_MIRROR ]] || fail \
    "$name names no python_index, apt_mirror or apt_security_mirror under [DEFAULT]."
  export PIP_INDEX_URL=$index APT_MIRROR APT_SECURITY_MIRROR
  case ${PANTS_CONFIG_FILES:-} in
    *"$name"*) ;;
    '') export PANTS_CONFIG_FILES="+[\"$name\"]" ;;
    [+[]*) PANTS_CONFIG_FILES+=",+[\"$name\"]" ;;
    *) PANTS_CONFIG_FILES="+[\"$PANTS_CONFIG_FILES\",\"$name\"]" ;;
  esac
}
