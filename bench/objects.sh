#!/bin/bash
# Ours and the peer (Debian's Swift 2.30, same devices and replicas) under the same driver, one after the other in one run.
#
#   npm run bench -- objects            PHASES="put4k get4k head4k" SECS=5 to shorten; PEER=0 to leave the peer out
#
# Needs root for the peer's set-up (it installs Debian packages), wrk and a C compiler. Results: bench/results/objects.tsv
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(dirname "$HERE")
PHASES=${PHASES:-put4k get4k head4k put64k get64k put1m get1m delete4k footprint}
PEER=${PEER:-1}
OFFSET=${OFFSET:-22000}
export SECS=${SECS:-8} OUT=$HERE/results/objects.tsv
mkdir -p "$HERE/results"
DATA=$(mktemp -d "${TMPDIR:-/tmp}/martlet-bench.XXXXXX")
MARTLET=

cleanup() {
  [ -z "$MARTLET" ] || { kill "$MARTLET" 2>/dev/null || true; wait "$MARTLET" 2>/dev/null || true; }
  rm -rf "$DATA"
  [ "$PEER" = 0 ] || "$HERE/peers/swift-saio.sh" stop
}
trap cleanup EXIT

"$ROOT/bin/martlet" start --data "$DATA/d" --port-offset "$OFFSET" --workers 2 >"$DATA/out" 2>&1 &
MARTLET=$!
for _ in $(seq 1 200); do grep -q 'martlet is ready' "$DATA/out" && break; sleep 0.1; done
grep -q 'martlet is ready' "$DATA/out" || { cat "$DATA/out" >&2; exit 1; }
KEY=$(sed -n "s/^export OS_PASSWORD='\(.*\)'/\1/p" "$DATA/d/openrc")
HEADERS=$(curl -s -D - -o /dev/null -H 'X-Auth-User: demo:demo' -H "X-Auth-Key: $KEY" "http://127.0.0.1:$((8080 + OFFSET))/auth/v1.0" | tr -d '\r')
BASE=$(echo "$HEADERS" | sed -n 's/^x-storage-url: //ip')
TOKEN=$(echo "$HEADERS" | sed -n 's/^x-auth-token: //ip')
# shellcheck disable=SC2086
LABEL=martlet BASE=$BASE TOKEN=$TOKEN SERVER_PIDS=$MARTLET "$HERE/object-bench.sh" $PHASES

if [ "$PEER" != 0 ]; then
  "$HERE/peers/swift-saio.sh" setup
  "$HERE/peers/swift-saio.sh" wipe
  "$HERE/peers/swift-saio.sh" start
  eval "$("$HERE/peers/swift-saio.sh" env)"
  # shellcheck disable=SC2086
  LABEL=swift "$HERE/object-bench.sh" $PHASES
fi
