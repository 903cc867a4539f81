#!/bin/sh
# First start: make the cluster, the user and the database that POSTGRES_USER, POSTGRES_PASSWORD and
# POSTGRES_DB name, run what lies in /docker-entrypoint-initdb.d; then become the server.
set -e
case "$1" in -*) set -- postgres "$@" ;; esac
[ "$1" = postgres ] || exec "$@"

file_or_value() {
    name=$1
    eval "value=\${$name:-}; file=\${${name}_FILE:-}"
    [ -n "$file" ] && value=$(cat "$file")
    printf %s "$value"
}

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=$(file_or_value POSTGRES_USER)
    user=${user:-postgres}
    database=$(file_or_value POSTGRES_DB)
    database=${database:-$user}
    password=$(file_or_value POSTGRES_PASSWORD)
    if [ -z "$password" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
        echo "Error: the database is uninitialized and no superuser password is given." >&2
        echo "Set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust to let everybody in." >&2
        exit 1
    fi
    pwfile=$(mktemp)
    printf '%s\n' "$password" >"$pwfile"
    # shellcheck disable=SC2086
    if [ -n "$password" ]; then
        initdb --username="$user" --pwfile="$pwfile" $POSTGRES_INITDB_ARGS
    else
        initdb --username="$user" $POSTGRES_INITDB_ARGS
    fi
    rm -f "$pwfile"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
    # Only the socket is open while the database is being made: nobody connects to half of it.
    pg_ctl -w start -o "-c listen_addresses='' -p 5432" >/dev/null
    export PGPASSWORD="$password"
    if [ "$database" != postgres ]; then
        psql -q -v ON_ERROR_STOP=1 --username "$user" --dbname postgres -v db="$database" <<'SQL'
CREATE DATABASE :"db";
SQL
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sql) psql -v ON_ERROR_STOP=1 --username "$user" --dbname "$database" -f "$file" ;;
            *.sh) sh "$file" ;;
        esac
    done
    unset PGPASSWORD
    pg_ctl -w -m fast stop >/dev/null
fi
exec "$@" -c "listen_addresses=*"
