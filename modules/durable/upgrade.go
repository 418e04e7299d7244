// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Upgraded returns the addresses of an http server that is being provisioned, with those durable
// that have no network. An address stays as it is if one of another of the servers overlaps it: a
// durable address is not shared with others. Addresses written with tcp/ stay, too.
//
// It is for a server whose connections pass a frontend. In a Caddyfile, durable/ in bind would
// reach the ACME issuers: Caddy's adapter makes the host that they listen on for challenges of it.
func Upgraded(server *caddyhttp.Server, servers map[string]*caddyhttp.Server) []string {
	var others []use
	for _, s := range servers {
		if s == server {
			continue
		}
		for _, address := range streams(s) {
			if u, ok, err := parseUse("", Listening{Address: address}); ok && err == nil {
				others = append(others, u)
			}
		}
	}
	upgraded := make([]string, len(server.Listen))
	for i, address := range server.Listen {
		upgraded[i] = upgradedUnless(address, others)
	}
	return upgraded
}

// upgradedUnless returns an address, made durable unless others overlap it.
func upgradedUnless(address string, others []use) string {
	if at, err := caddy.ParseNetworkAddress(address); err != nil || at.Network != "tcp" || strings.HasPrefix(address, "tcp/") {
		return address
	}
	u, ok, err := parseUse("", Listening{Address: address})
	if !ok || err != nil {
		return address
	}
	for _, other := range others {
		if other.first <= u.last && u.first <= other.last && u.overlaps(other) {
			return address
		}
	}
	return "durable/" + address
}
