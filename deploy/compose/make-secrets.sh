#!/usr/bin/env bash
# Make the secrets of compose.yaml in secrets/ beside this file, or in FOLDER. What exists is kept.
#
#   make-secrets.sh [FOLDER]
#
# The engine mounts the files into containers as they are, where another user reads them: the files
# are readable by all users, and the folder is its owner's only.

set -euo pipefail
folder=${1:-"$(dirname "${BASH_SOURCE[0]}")/secrets"}

# 48 random bytes, in hexadecimal.
random() {
  od -An -N48 -tx1 /dev/urandom | tr -d ' \n'
}

# write_once FILE LINE...: write a file, whole or not at all, unless it exists.
write_once() {
  local file=$folder/$1
  if [[ -e $file ]]; then
    echo "kept: $file"
    return
  fi
  printf '%s\n' "${@:2}" >"$file.new"
  chmod 0644 "$file.new"
  mv "$file.new" "$file"
  echo "made: $file"
}

# A folder that it makes is its owner's only; one that exists may be for other things, too.
(umask 077 && mkdir -p "$folder")
# GNU's, or BSD's.
mode=$(stat -c %a "$folder" 2>/dev/null || stat -f %Lp "$folder")
if [[ $mode != *00 ]]; then
  echo "make-secrets.sh: $folder: mode=$mode: other users can enter it." \
    "Fix: chmod 700 '$folder', or name another folder" >&2
  exit 1
fi
# A new password would not be the one of the file, nor the one of the database.
if [[ -e $folder/service.env && ! -e $folder/database-password ]]; then
  echo "make-secrets.sh: $folder/database-password: is missing beside service.env, which has the" \
    "password. Fix: write the value of QK_DATABASES__default__PASSWORD in service.env to it" >&2
  exit 1
fi
# Assigned first: a failure inside an argument would go unnoticed.
password=$(random)
service_key=$(random)
gateway_key=$(random)
write_once database-password "$password"
password=$(<"$folder/database-password")
write_once service.env "QK_SECRET_KEY=$service_key" "QK_DATABASES__default__PASSWORD=$password"
write_once gateway.env "QK_SECRET_KEY=$gateway_key"
