#!/bin/bash
# OpenStack Keystone on loopback, from the Debian packages: a peer to measure against.
#
#   keystone.sh start    make a database and keys under KEYSTONE_ROOT (in memory), bootstrap, start; ready when it returns
#   keystone.sh env      print KEYSTONE_URL, KEYSTONE_PASSWORD, KEYSTONE_PIDS as shell assignments (eval them)
#   keystone.sh stop     stop what start started (by process id), remove the folder
#
# It needs root and: apt-get install -y --no-install-recommends python3-keystone mariadb-server uwsgi-plugin-python3
# (no daemon of theirs need run).
#
# Keystone's best case: its cache on, in the process itself, and so one process; MariaDB's data in memory; bcrypt at its
# lowest cost. Its default is no cache at all (KEYSTONE_CACHE=false).
set -eu -o pipefail

KEYSTONE_ROOT=${KEYSTONE_ROOT:-/dev/shm/martlet-keystone}
KEYSTONE_PORT=${KEYSTONE_PORT:-25000}
KEYSTONE_CACHE=${KEYSTONE_CACHE:-true}
PASSWORD=admin-secret
SOCKET=$KEYSTONE_ROOT/mysql.sock
CONF=$KEYSTONE_ROOT/keystone.conf
URL=http://127.0.0.1:$KEYSTONE_PORT/v3

write_conf() {
  cat >"$CONF" <<C
[DEFAULT]
log_dir = $KEYSTONE_ROOT/log
[database]
connection = mysql+pymysql://root@localhost/keystone?unix_socket=$SOCKET
[cache]
enabled = $KEYSTONE_CACHE
backend = dogpile.cache.memory_pickle
[credential]
caching = false
key_repository = $KEYSTONE_ROOT/credential-keys
[fernet_tokens]
key_repository = $KEYSTONE_ROOT/fernet-keys
[fernet_receipts]
key_repository = $KEYSTONE_ROOT/fernet-keys
[auth]
methods = external,password,token,totp,application_credential
[token]
expiration = 86400
[identity]
password_hash_rounds = 4
C
}

wait_for() {
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  echo "keystone.sh: gave up waiting for: $*" >&2
  return 1
}

start() {
  rm -rf "$KEYSTONE_ROOT"
  mkdir -p "$KEYSTONE_ROOT/log" "$KEYSTONE_ROOT/db"
  write_conf
  mariadb-install-db --no-defaults --user=root --datadir="$KEYSTONE_ROOT/db" --auth-root-authentication-method=normal \
    --skip-test-db >"$KEYSTONE_ROOT/log/install-db" 2>&1
  setsid mariadbd --no-defaults --user=root --datadir="$KEYSTONE_ROOT/db" --socket="$SOCKET" --skip-networking \
    --pid-file="$KEYSTONE_ROOT/mariadb.pid" >"$KEYSTONE_ROOT/log/mariadb" 2>&1 </dev/null &
  echo $! >"$KEYSTONE_ROOT/pids"
  wait_for mariadb-admin --no-defaults --socket="$SOCKET" -u root ping
  mariadb --no-defaults --socket="$SOCKET" -u root -e 'CREATE DATABASE keystone CHARACTER SET utf8'
  local manage="keystone-manage --config-file $CONF"
  $manage db_sync
  $manage fernet_setup --keystone-user root --keystone-group root
  $manage credential_setup --keystone-user root --keystone-group root
  $manage bootstrap --bootstrap-password $PASSWORD --bootstrap-region-id RegionOne \
    --bootstrap-public-url "$URL" --bootstrap-internal-url "$URL" --bootstrap-admin-url "$URL"
  OS_KEYSTONE_CONFIG_FILES=$CONF setsid uwsgi --plugin python3 --http-socket "127.0.0.1:$KEYSTONE_PORT" \
    --wsgi-file /usr/bin/keystone-wsgi-public --lazy-apps --post-buffering 65536 --add-header 'Connection: close' \
    --processes 1 --disable-logging >"$KEYSTONE_ROOT/log/uwsgi" 2>&1 </dev/null &
  echo $! >>"$KEYSTONE_ROOT/pids"
  wait_for curl -sf "$URL"
}

stop() {
  [ -e "$KEYSTONE_ROOT/pids" ] || return 0
  tac "$KEYSTONE_ROOT/pids" | while read -r pid; do
    kill -KILL "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  done
  rm -rf "$KEYSTONE_ROOT"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  env)
    echo "KEYSTONE_URL=$URL"
    echo "KEYSTONE_PASSWORD=$PASSWORD"
    echo "KEYSTONE_PIDS='$(paste -sd' ' "$KEYSTONE_ROOT/pids")'"
    ;;
  *) sed -n '2,14p' "$0" >&2; exit 64 ;;
esac
