// SPDX-License-Identifier: Apache-2.0

// Package l4rate implements the matcher layer4.matchers.rate: it matches connections of a client
// that has made more of them within a period than a number. Each connection counts once, in the
// first rule or route that asks, also if it then matches. A matcher counts for itself: two with the
// same words do not share their counts. The counts continue over reloads as long as the matcher's
// words and its place among those with the same words stay.
package l4rate

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

func init() {
	caddy.RegisterModule(new(Matcher))
}

// DefaultPrefix is the number of bits of an IPv6 address by which clients differ.
const DefaultPrefix = 64

// remoteIP is the value of By.
const remoteIP = "remote_ip"

// Matcher matches connections beyond a rate. Clients differ by their address: in rules of a
// passthrough frontend that of the PROXY header, if there is one.
type Matcher struct {
	// Over is the number of connections within a period that do not match, such as 20/10s. Those that
	// match count as well, so that a client that goes on connecting stays over it. Required.
	Over string `json:"over,omitempty"`

	// By names the property by which clients differ: remote_ip. Default: remote_ip.
	By string `json:"by,omitempty"`

	// Prefix is the number of leading bits of an IPv6 address by which clients differ, 1 to 128; an
	// IPv4 address counts as a whole. Default: 64.
	Prefix int `json:"prefix,omitempty"`

	over  int64
	table *tables.Table
}

// CaddyModule returns the Caddy module information.
func (*Matcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "layer4.matchers.rate",
		New: func() caddy.Module { return new(Matcher) },
	}
}

// Provision validates the options and finds the counts.
func (m *Matcher) Provision(ctx caddy.Context) error {
	q, err := m.validate()
	if err != nil {
		return fmt.Errorf("rate: %w", err)
	}
	m.over = int64(q.N)
	m.table = counts.open(ctx, fmt.Sprintf("%d/%v/%d", q.N, q.Period, m.Prefix), limits.AddressTable(q.Period))
	return nil
}

// validate sets the defaults and returns the quota.
func (m *Matcher) validate() (q limits.Quota, err error) {
	if m.Over == "" {
		return q, errors.New("expected over, a number and a period such as 20/10s")
	}
	if q, err = limits.ParseQuota(m.Over); err != nil {
		return q, fmt.Errorf("over %w", err)
	}
	if m.By == "" {
		m.By = remoteIP
	}
	if m.Prefix == 0 {
		m.Prefix = DefaultPrefix
	}
	switch {
	case m.By != remoteIP:
		return q, fmt.Errorf("by %q: expected remote_ip", m.By)
	case m.Prefix < 1 || m.Prefix > 128:
		return q, fmt.Errorf("prefix %d: expected 1 to 128 bits", m.Prefix)
	}
	return q, nil
}

// Match reports whether the client has exceeded the rate. Routes may ask several times about a
// connection.
func (m *Matcher) Match(cx *layer4.Connection) (bool, error) {
	if l4acl.IsTrial(cx) {
		return m.WouldMatch(l4acl.Addresses(cx.Conn).Source.Addr()), nil
	}
	counted, _ := cx.GetVar(variable).(*Counted)
	if counted == nil {
		counted = new(Counted)
		cx.SetVar(variable, counted)
	}
	return m.MatchOnce(counted, l4acl.Addresses(cx.Conn).Source.Addr()), nil
}

// variable is the variable of a connection that holds its Counted.
const variable = "passthrough_rate"

// Counted are the answers of matchers about a connection. The zero value holds none.
type Counted []answer

type answer struct {
	of   *Matcher
	over bool
}

// MatchOnce counts a connection from an address, unless that has been done, and reports whether the
// client has exceeded the rate.
func (m *Matcher) MatchOnce(counted *Counted, from netip.Addr) bool {
	if counted == nil {
		counted = new(Counted)
	}
	for _, a := range *counted {
		if a.of == m {
			return a.over
		}
	}
	over := m.count(from)
	*counted = append(*counted, answer{m, over})
	return over
}

// count counts a connection.
func (m *Matcher) count(from netip.Addr) (over bool) {
	if !from.IsValid() { // of a Unix socket
		return false
	}
	key := limits.Network(from, m.Prefix).As16()
	m.table.Update(key[:], func(row tables.Row) {
		row.Add(tables.ConnRate, 0, 1)
		n, _ := row.Get(tables.ConnRate, 0)
		over = n > m.over
	})
	return over
}

// String returns the matcher as a Caddyfile has it.
func (m *Matcher) String() string {
	return fmt.Sprintf("rate over %s by %s /%d", m.Over, m.By, m.Prefix)
}

// WouldMatch reports whether one more connection from an address would exceed the rate. It counts
// nothing.
func (m *Matcher) WouldMatch(from netip.Addr) bool {
	n := int64(0)
	if from.IsValid() {
		key := limits.Network(from, m.Prefix).As16()
		m.table.View(key[:], func(row tables.Row) { n, _ = row.Get(tables.ConnRate, 0) })
	}
	return n+1 > m.over && from.IsValid()
}

// NeedsRequest returns false: only addresses matter.
func (*Matcher) NeedsRequest() bool { return false }

// UnmarshalCaddyfile sets up the matcher. Syntax:
//
//	rate over <number>/<period> [by remote_ip [/<bits>]]
func (m *Matcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the matcher's name
	words := d.RemainingArgs()
	if len(words) < 2 || words[0] != "over" {
		return d.Err("rate: expected over and a number of connections within a period: rate over 20/10s by remote_ip")
	}
	m.Over, words = words[1], words[2:]
	if len(words) > 0 && words[0] == "by" {
		if len(words) < 2 {
			return d.Err("rate: expected remote_ip after by")
		}
		m.By, words = words[1], words[2:]
	}
	if len(words) > 0 && strings.HasPrefix(words[0], "/") && m.By != "" {
		bits, err := strconv.Atoi(words[0][1:])
		if err != nil || bits < 1 || bits > 128 {
			return d.Errf("rate: %q: expected a number of bits of IPv6 addresses, such as /64", words[0])
		}
		m.Prefix, words = bits, words[1:]
	}
	if len(words) > 0 {
		return d.Errf("rate: unexpected %q: expected rate over 20/10s by remote_ip /64", words[0])
	}
	checked := *m
	if _, err := checked.validate(); err != nil {
		return options.Wrap(d, fmt.Errorf("rate: %w", err))
	}
	return nil
}

// Interface guards
var (
	_ caddy.Module          = (*Matcher)(nil)
	_ caddy.Provisioner     = (*Matcher)(nil)
	_ caddyfile.Unmarshaler = (*Matcher)(nil)
	_ layer4.ConnMatcher    = (*Matcher)(nil)
)
