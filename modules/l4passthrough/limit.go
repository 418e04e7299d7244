// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// Limit bounds what the clients of a frontend may take. Connections beyond it are reset: at accept
// or, if the client's address is that of a PROXY header, after the header. They are not logged one
// by one, but in a line for each reason and second.
type Limit struct {
	// PerIP is the number of concurrent connections from an IPv4 address, or from an IPv6 network of
	// 64 bits. Default: 0, no limit.
	PerIP int `json:"per_ip,omitempty"`

	// Rate is the number of connections from one of these within a period, such as 100/10s. Refused
	// ones count, too, so that a client that goes on connecting stays refused. Default: no limit.
	Rate string `json:"rate,omitempty"`

	// UnfinishedHellos bounds the bytes of incomplete ClientHellos that the frontend keeps, of all
	// clients together. A connection whose bytes would exceed it is reset; clients that send their
	// hello at once need none of it. Default: 0, no limit.
	UnfinishedHellos int64 `json:"unfinished_hellos,omitempty"`

	// Allow lists networks, addresses or private_ranges that have no limits.
	Allow []string `json:"allow,omitempty"`
}

// compile returns the limit in the form of package frontend. connection holds the frontend's rules
// about the peer.
func (l *Limit) compile(connection []*rules.Rule) (*frontend.Limit, error) {
	if l == nil {
		return nil, nil
	}
	compiled := &frontend.Limit{UnfinishedHellos: l.UnfinishedHellos}
	compiled.Conns = l.PerIP
	switch {
	case l.PerIP == 0 && l.Rate == "" && l.UnfinishedHellos == 0:
		return nil, errors.New("limit: nothing is limited: expected per_ip, rate or unfinished_hellos")
	case l.PerIP < 0 || l.PerIP > math.MaxInt32:
		return nil, fmt.Errorf("limit: per_ip %d: expected a whole number, zero or more", l.PerIP)
	case l.UnfinishedHellos < 0:
		return nil, fmt.Errorf("limit: unfinished_hellos %d: expected a number of bytes, zero or more", l.UnfinishedHellos)
	}
	if l.Rate != "" {
		q, err := limits.ParseQuota(l.Rate)
		if err != nil {
			return nil, fmt.Errorf("limit: rate %w", err)
		}
		compiled.Rate, compiled.Period = q.N, q.Period
	}
	var err error
	if compiled.Allow, err = networks(l.Allow); err != nil {
		return nil, fmt.Errorf("limit: allow: %w", err)
	}
	compiled.Late = slices.ContainsFunc(connection, func(r *rules.Rule) bool { return r != nil && r.Action == "expect_proxy" })
	return compiled, nil
}

// networks parses a list of networks, addresses and private_ranges.
func networks(words []string) (all []netip.Prefix, err error) {
	for _, word := range words {
		list := []string{caddy.NewReplacer().ReplaceAll(word, "")}
		if list[0] == privateWord {
			list = privateRanges
		}
		for _, text := range list {
			p, err := parseNetwork(text)
			if err != nil {
				return nil, fmt.Errorf("%q: expected a network such as 10.0.0.0/8, an address or private_ranges", text)
			}
			all = append(all, p.Masked())
		}
	}
	return all, nil
}

// UnmarshalCaddyfile sets up the limit. Syntax:
//
//	limit {
//		per_ip <number>
//		rate <number>/<period> [per_ip]
//		unfinished_hellos <bytes>
//		allow <network>|private_ranges…
//	}
func (l *Limit) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	begin := *d
	table := options.Table{
		"per_ip":            options.Int(&l.PerIP, 1, math.MaxInt32),
		"rate":              options.Once(l.parseRate),
		"unfinished_hellos": options.Bytes(&l.UnfinishedHellos),
		"allow": options.Repeatable(func(d *caddyfile.Dispenser) error {
			words := d.RemainingArgs()
			if len(words) == 0 {
				return d.Errf("allow: expected networks such as 10.0.0.0/8, addresses or private_ranges")
			}
			l.Allow = append(l.Allow, words...)
			return nil
		}),
	}
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	if _, err := l.compile(nil); err != nil {
		return options.Wrap(&begin, err)
	}
	return nil
}

func (l *Limit) parseRate(d *caddyfile.Dispenser) (err error) {
	if !d.NextArg() {
		return d.Errf("rate: expected a number and a period, such as rate 100/10s per_ip")
	}
	l.Rate = d.Val()
	if _, err := limits.ParseQuota(l.Rate); err != nil {
		return d.Errf("rate %w", err)
	}
	if d.NextArg() && d.Val() != "per_ip" {
		return d.Errf("rate %s: expected per_ip or the end of the line, not %q", l.Rate, d.Val())
	}
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*Limit)(nil)
