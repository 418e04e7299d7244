// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// ownHosts returns the hosts of the http server's routes in the form of package names. Those that
// no server name can match are left out, such as IP addresses.
func ownHosts(s *caddyhttp.Server) (own []string) {
	repl := caddy.NewReplacer()
	for _, host := range routeHosts(s.Routes) {
		host = repl.ReplaceKnown(host, "")
		if _, err := netip.ParseAddr(host); err == nil {
			continue
		}
		pattern, err := names.Validate(host)
		if err == nil && !slices.Contains(own, pattern) {
			own = append(own, pattern)
		}
	}
	return own
}

// routeHosts returns the hosts in the matchers of routes.
func routeHosts(routes caddyhttp.RouteList) (hosts []string) {
	for _, r := range routes {
		for _, set := range r.MatcherSets {
			for _, m := range set {
				if m, ok := m.(*caddyhttp.MatchHost); ok {
					hosts = append(hosts, *m...)
				}
			}
		}
	}
	return hosts
}

// errBoth returns the error for a name that is both passed through and the http server's own.
func errBoth(s *Site, pattern string) error {
	own := "the name is a site of this server, too"
	if at := lineOfSite(s.caddyfile(), pattern); at != "" {
		own = "the name is a site, too, at " + at
	}
	return fmt.Errorf("passthrough %s: %s: expected one of the two", pattern, own)
}

// lineOfSite returns FILE:LINE of the site block in a Caddyfile whose key has a host; empty if it
// is not found.
func lineOfSite(file, pattern string) string {
	text, err := os.ReadFile(file) //nolint:gosec // the configuration was made of it
	if err != nil {
		return ""
	}
	blocks, err := caddyfile.Parse(file, text)
	if err != nil {
		return ""
	}
	for _, b := range blocks {
		for _, key := range b.Keys {
			address, err := httpcaddyfile.ParseAddress(key.Text)
			if err != nil || address.Scheme == "http" {
				continue
			}
			if host, err := normalizeName(address.Host); err == nil && host == pattern {
				return fmt.Sprintf("%s:%d", key.File, key.Line)
			}
		}
	}
	return ""
}
