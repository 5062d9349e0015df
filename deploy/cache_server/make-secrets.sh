#!/usr/bin/env bash
# Make the secrets of compose.yaml and kustomization.yaml in secrets/ beside this file, or in FOLDER:
# tokens of a reader and a writer, and a certificate with the authority that signs it. What exists is
# kept; cache.crt and cache.key may be your own, and take no ca.crt then.
#
#   make-secrets.sh NAME [FOLDER]
#
# NAME is the host name of the server that clients use. The engine mounts the files into containers as
# they are, where another user reads them: the folder is its owner's only.

set -euo pipefail
name=${1:?"make-secrets.sh: NAME is missing. Fix: give the host name that clients use"}
folder=${2:-"$(dirname "${BASH_SOURCE[0]}")/secrets"}

fail() {
  printf 'make-secrets.sh: %s\n' "$1" >&2
  exit 1
}

[[ $name =~ ^[A-Za-z0-9.-]+$ ]] ||
  fail "NAME=$name: not a host name. Fix: give one without scheme and port, such as cache.example.com"
command -v openssl >/dev/null || fail "openssl is not installed. Fix: apt-get install openssl"
# A folder that it makes is its owner's only.
(umask 077 && mkdir -p "$folder")
mode=$(stat -c %a "$folder" 2>/dev/null || stat -f %Lp "$folder")
[[ $mode == *00 ]] || fail "$folder: mode=$mode: other users can enter it. Fix: chmod 700 '$folder'"
cd "$folder"

# One line of 24 random bytes each, which Pants reads; and what nginx compares with.
for role in reader writer; do
  [[ -e $role ]] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$role"
done
printf '"Bearer %s" %s;\n' "$(<reader)" reader "$(<writer)" writer >cache-tokens.conf
if [[ ! -e cache.crt ]]; then
  cat >openssl.cnf <<CNF
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:$name
CNF
  request=(openssl req -x509 -newkey rsa:2048 -nodes -days 825 -config openssl.cnf)
  "${request[@]}" -extensions authority -subj "/CN=cache authority" -keyout ca.key -out ca.crt 2>/dev/null
  "${request[@]}" -extensions server -subj "/CN=$name" -CA ca.crt -CAkey ca.key \
    -keyout cache.key -out cache.crt 2>/dev/null
  # A new certificate takes a new authority: no one keeps this key.
  rm ca.key openssl.cnf
fi
chmod 0644 cache.crt cache.key cache-tokens.conf
echo "make-secrets.sh: in $folder: cache.crt, cache.key, cache-tokens.conf; for clients: ca.crt, reader, writer"
