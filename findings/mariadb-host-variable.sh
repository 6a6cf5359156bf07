#!/usr/bin/env bash
# A stack's environment has MYSQL_HOST for the web application, and often the database's container has it, too.  Of MariaDB's clients
# `mariadb` alone takes it: `mariadb-admin ping`, mostly the health check, asks this container's own server, and `mariadb` beside it
# the one that is named.  MariaDB documents MYSQL_HOST as the default of the `mysql` client, and is silent about the others.
. "$(dirname "$0")/lib.sh"
deb mariadb-client=1:10.11.19-0+deb12u1 mariadb-client-core=1:10.11.19-0+deb12u1
mariadb --version >/dev/null 2>said || untried "mariadb wants libraries that are not here: $(tail -1 said)"
mariadb --version
bin=$here/deb/usr/bin
# asked: which server a client looked for.  There is none, neither at the socket nor by the name.
asked() { # "VARIABLE=VALUE ..." CLIENT ARGUMENT ...
  local set=$1 client=$2
  # shellcheck disable=SC2086
  env -i LD_LIBRARY_PATH="$LD_LIBRARY_PATH" MYSQL_UNIX_PORT="$here/socket" $set "$bin/$client" --no-defaults "${@:3}" 2>&1 |
    grep -o -e "through socket" -e "server host '[a-z.]*'" -e "server on '[0-9.]*'" | head -1
}
expect "mariadb, nothing set" "$(asked "" mariadb -e "SELECT 1")" "through socket"
host=MYSQL_HOST=database.invalid
expect "mariadb, with MYSQL_HOST" "$(asked $host mariadb -e "SELECT 1")" "server host 'database.invalid'"
expect "mariadb-admin ping, with MYSQL_HOST" "$(asked $host mariadb-admin ping)" "through socket"
expect "mariadb-dump, with MYSQL_HOST" "$(asked $host mariadb-dump wordpress)" "through socket"
expect "mariadb, with MARIADB_HOST" "$(asked MARIADB_HOST=database.invalid mariadb -e "SELECT 1")" "through socket"
exit $changed
