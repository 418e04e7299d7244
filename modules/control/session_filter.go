// SPDX-License-Identifier: Apache-2.0

package control

import (
	"net/netip"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// SessionParameters returns the names of the parameters of ParseSessionFilter.
func SessionParameters() []string {
	return []string{"frontend", "backend", "server", "source", "name", "older_than", "idle_for"}
}

// ParseSessionFilter returns the filter of the parameters of an address: names, an address or
// network as source, and durations as older_than and idle_for. The kind of the error is ErrInvalid.
func ParseSessionFilter(query url.Values) (f SessionFilter, err error) {
	f.Frontend, f.Backend, f.Server, f.Name = query.Get("frontend"), query.Get("backend"), query.Get("server"), query.Get("name")
	if source := query.Get("source"); source != "" {
		if f.Source, err = parseSource(source); err != nil {
			return f, err
		}
	}
	if f.OlderThan, err = durationOf(query, "older_than"); err != nil {
		return f, err
	}
	f.IdleFor, err = durationOf(query, "idle_for")
	return f, err
}

// parseSource parses an address or a network.
func parseSource(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, invalid("source %q: expected an address or a network such as 192.0.2.0/24", text)
	}
	return network, nil
}

// durationOf parses a parameter; 0 without it.
func durationOf(query url.Values, name string) (time.Duration, error) {
	text := query.Get(name)
	if text == "" {
		return 0, nil
	}
	d, err := caddy.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, invalid("%s %q: expected a duration such as 90s or 5m", name, text)
	}
	return d, nil
}
