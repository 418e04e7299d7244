#!/bin/sh
# Upgrades the servers of a backend, one after the other, without losing a connection:
#
#     rolling-upgrade.sh BACKEND COMMAND [ARG...]
#
# COMMAND gets the name of the server as its last argument, while the server has no connections. It
# must not return before the server accepts connections again. If anything fails, the script stops
# and leaves the server without connections. CADDY_FLAGS are flags of caddy passthrough, such as
# --address or --config.
set -eu

backend=$1
shift

# shellcheck disable=SC2086 # several flags
passthrough() { caddy passthrough ${CADDY_FLAGS-} "$@"; }

for server in $(passthrough servers "$backend" | awk 'NR > 1 { print $1 }'); do
	echo "$server: waiting for its last connection"
	passthrough drain "$server" --wait --timeout 10m
	echo "$server: upgrading"
	"$@" "${server#*/}"
	passthrough ready "$server" --wait --timeout 1m
	echo "$server: ready"
done
