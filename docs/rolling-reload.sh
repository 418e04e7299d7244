#!/bin/sh
# Loads a configuration on the nodes of a fleet, one after the other, and stops at the first that
# fails:
#
#     rolling-reload.sh CONFIG NODE...
#
# A NODE is the HOST:PORT of an admin endpoint. First, all nodes must be well, and the configuration
# valid. A node that refuses the configuration keeps the one that it has. One that is not well
# SETTLE seconds after the reload (10), nor within WAIT seconds more (60), gets its former
# configuration back. Either way the nodes after it are not touched.
set -eu

config=$1
shift
before=$(mktemp)
trap 'rm -f "$before"' EXIT

well() { caddy passthrough status --exit-code --address "$1"; }

# becomes_well NODE SECONDS
becomes_well() {
	left=$2
	until well "$1"; do
		[ "$left" -gt 0 ] || return 1
		left=$((left - 1))
		sleep 1
	done
}

stop() {
	echo "$1; stopped, the nodes after it are unchanged" >&2
	exit 1
}

for node; do
	well "$node" || stop "$node: not well before the reload"
	echo "$node: would change"
	caddy passthrough check-config --config "$config" --address "$node" || stop "$node: the configuration is not valid"
done
for node; do
	curl -fsS -m 60 "http://$node/config/" >"$before" || stop "$node: its configuration cannot be read"
	caddy passthrough reload --config "$config" --address "$node" >/dev/null || stop "$node: refuses the configuration"
	sleep "${SETTLE-10}"
	if ! becomes_well "$node" "${WAIT-60}"; then
		curl -fsS -m 60 -H 'Content-Type: application/json' --data-binary "@$before" "http://$node/load" ||
			stop "$node: not well, and does not take its former configuration back"
		stop "$node: not well with the configuration, has its former one again"
	fi
	echo "$node: reloaded"
done
