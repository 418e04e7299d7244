// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// AcceptProxy names sources that send a PROXY header before their client's data. The addresses in
// the header are then the client's: for rules, policies, the log and headers to servers. A header
// from any other source is refused.
type AcceptProxy struct {
	// From lists the sources: networks such as 10.0.0.0/8, single addresses, private_ranges for the
	// private networks, or unix for programs that connect to a Unix socket. Required.
	From []string `json:"from,omitempty"`

	// Optional lets the sources also send data without a header. Then the connection waits for the
	// first bytes of the client, so that protocols in which the server speaks first are delayed.
	// Default: a connection without a header is refused.
	Optional bool `json:"optional,omitempty"`

	// NetScalerMagic is the number with which NetScaler's client IP header begins. If it is not 0,
	// that header takes the place of the PROXY header. It is HAProxy's accept-netscaler-cip.
	NetScalerMagic uint32 `json:"netscaler_magic,omitempty"`
}

// privateRanges are Caddy's private_ranges.
var privateRanges = []string{"192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8", "127.0.0.1/8", "fd00::/8", "::1"}

// Words in place of a network.
const (
	privateWord = "private_ranges"
	unixWord    = "unix"
)

// source compiles the sources.
func (a *AcceptProxy) source() (s frontend.HeaderSource, err error) {
	if a == nil || len(a.From) == 0 {
		return s, errors.New("no source of headers: expected networks such as 10.0.0.0/8, private_ranges or unix; a source that may send headers can pose as any client")
	}
	s = frontend.HeaderSource{Optional: a.Optional, NetScalerMagic: a.NetScalerMagic}
	for _, word := range a.From {
		switch word = caddy.NewReplacer().ReplaceAll(word, ""); word {
		case unixWord:
			s.Unix = true
		case privateWord:
			for _, network := range privateRanges {
				p, _ := parseNetwork(network)
				s.Networks = append(s.Networks, p)
			}
		default:
			p, err := parseNetwork(word)
			if err != nil {
				return s, err
			}
			s.Networks = append(s.Networks, p)
		}
	}
	return s, nil
}

// mappedBits is the number of leading bits of an IPv4 address mapped into IPv6.
const mappedBits = 96

// parseNetwork parses a network or an address. Clients with IPv4 addresses mapped into IPv6 have
// IPv4 addresses here, so networks of those do, too.
func parseNetwork(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("source %q: expected a network such as 10.0.0.0/8, an address, private_ranges or unix", text)
	}
	if p.Addr().Is4In6() && p.Bits() >= mappedBits {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
	}
	return p, nil
}

// headerPolicy compiles a list of sources. An empty list has a nil policy.
func headerPolicy(list []*AcceptProxy) (policy frontend.HeaderPolicy, err error) {
	for _, a := range list {
		s, err := a.source()
		if err != nil {
			return nil, fmt.Errorf("accept_proxy: %w", err)
		}
		policy = append(policy, s)
	}
	return policy, nil
}

// entry returns the properties of the bind's connections.
func (b *Bind) entry() frontend.EntryConfig {
	return frontend.EntryConfig{Headers: b.headers, MapIPv4: b.parsed.Host == "::" && !b.IPv6Only, Namespace: b.Namespace, MaxConn: b.MaxConn}
}

// acceptProxyOptions returns the words for a list of sources.
func acceptProxyOptions(list *[]*AcceptProxy) options.Table {
	return options.Table{
		"accept_proxy": options.Repeatable(func(d *caddyfile.Dispenser) error {
			return parseSources(d, list, new(AcceptProxy))
		}),
		"accept_netscaler_cip": options.Repeatable(func(d *caddyfile.Dispenser) error {
			option := d.Val()
			if !d.NextArg() {
				return d.Errf("%s: expected the number that its header begins with, such as 0x12345678, and sources", option)
			}
			magic, err := strconv.ParseUint(d.Val(), 0, 32)
			if err != nil || magic == 0 {
				return d.Errf("%s: %q: expected a number from 1 to 0xffffffff", option, d.Val())
			}
			return parseSources(d, list, &AcceptProxy{NetScalerMagic: uint32(magic)})
		}),
	}
}

// parseSources parses "[required|optional] SOURCE..." into a.
func parseSources(d *caddyfile.Dispenser, list *[]*AcceptProxy, a *AcceptProxy) error {
	option := d.Val()
	if a.NetScalerMagic != 0 {
		option = "accept_netscaler_cip"
	}
	a.From = d.RemainingArgs()
	if len(a.From) > 0 && slices.Contains([]string{"required", "optional"}, a.From[0]) {
		a.Optional = a.From[0] == "optional"
		a.From = a.From[1:]
	}
	if _, err := a.source(); err != nil {
		return d.Errf("%s: %w", option, err)
	}
	*list = append(*list, a)
	return nil
}
