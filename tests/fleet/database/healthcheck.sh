#!/usr/bin/env bash
# The options are those of the official image's script; this one asks the same whatever they are.
set -euo pipefail
MYSQL_PWD=$(<"$MARIADB_PASSWORD_FILE") exec mariadb --no-defaults --host=127.0.0.1 \
  --user="$MARIADB_USER" --connect-timeout=3 --execute='SELECT 1' "$MARIADB_DATABASE" >/dev/null
