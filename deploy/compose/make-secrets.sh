#!/usr/bin/env bash
# Make the secrets of compose.yaml in secrets/ beside this file, or in FOLDER. What exists is kept.
#
#   make-secrets.sh [FOLDER]
#
# The engine mounts the files into containers as they are, where other users read them; so the
# files are for everybody and the folder is for its owner only.

set -euo pipefail
folder=${1:-"$(dirname "${BASH_SOURCE[0]}")/secrets"}

# 48 random bytes, in letters and digits.
random() {
  od -An -N48 -tx1 /dev/urandom | tr -d ' \n'
}

# make FILE LINE...: write a file, whole or not at all, unless it exists.
make() {
  local file=$folder/$1
  if [[ -e $file ]]; then
    echo "kept: $file"
    return
  fi
  printf '%s\n' "${@:2}" >"$file.new"
  chmod 0444 "$file.new"
  mv "$file.new" "$file"
  echo "made: $file"
}

(umask 077 && mkdir -p "$folder")
make database-password "$(random)"
make shop.env \
  "QK_SECRET_KEY=$(random)" \
  "QK_DATABASES__default__PASSWORD=$(<"$folder/database-password")"
make gateway.env "QK_SECRET_KEY=$(random)"
