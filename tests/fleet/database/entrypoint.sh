#!/usr/bin/env bash
# What the official image does with the same variables: makes the database and its user at the
# first start, and serves. It runs as the user of the container.
set -euo pipefail

data=/var/lib/mysql
if [[ ! -d $data/mysql ]]; then
  mariadb-install-db --no-defaults --datadir="$data" --skip-test-db \
    --auth-root-authentication-method=normal
fi
password=$(<"$MARIADB_PASSWORD_FILE")
root=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
# At each start, so that one that was killed meanwhile has lost nothing.
cat >/tmp/init.sql <<SQL
ALTER USER 'root'@'localhost' IDENTIFIED BY '$root';
CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\` CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$MARIADB_USER'@'%' IDENTIFIED BY '$password';
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
SQL
exec mariadbd --no-defaults --datadir="$data" --socket=/run/mysqld/mysqld.sock \
  --bind-address=0.0.0.0 --skip-name-resolve --init-file=/tmp/init.sql \
  --innodb-buffer-pool-size=32M --performance-schema=OFF
