// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/discovery"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// parseServerTemplate parses "server_template <prefix> <count>|<low>-<high> [<address>] …".
func (b *Backend) parseServerTemplate(d *caddyfile.Dispenser) error {
	t := new(ServerTemplate)
	var numbers string
	if !d.Args(&t.Prefix, &numbers) {
		return d.Errf("expected server_template PREFIX NUMBER ADDRESS, such as server_template web 10 web.example.com:443")
	}
	var ok bool
	if t.Low, t.Count, ok = ParseSlots(numbers); !ok {
		return d.Errf("server_template %q: %q: expected the number of servers, or the first and the last, such as 10 or 1-10, at most %d", t.Prefix, numbers, MaxSlots)
	}
	if slices.ContainsFunc(b.ServerTemplates, func(o *ServerTemplate) bool { return o.Prefix == t.Prefix }) {
		return d.Errf("another template of this backend has the prefix %q already", t.Prefix)
	}
	table := t.table(d.Line())
	if d.NextArg() {
		if slices.Contains(slices.Collect(maps.Keys(table)), d.Val()) {
			d.Prev()
		} else {
			t.Address = d.Val()
		}
	}
	if err := table.With(advice(&advised.server)).ParseLine(d); err != nil {
		return err
	}
	if err := t.validate(); err != nil {
		return d.Errf("server_template %q: %w", t.Prefix, err)
	}
	if err := t.slot(t.first()).validate(); err != nil {
		return d.Errf("server_template %q: %w", t.Prefix, err)
	}
	b.ServerTemplates = append(b.ServerTemplates, t)
	return nil
}

// ParseSlots parses the numbers of a template's servers: COUNT or LOW-HIGH. low is 0 for COUNT.
func ParseSlots(text string) (low, count int, ok bool) {
	from, to, isRange := strings.Cut(text, "-")
	first, err := strconv.ParseUint(from, 10, 31)
	if err != nil || first == 0 {
		return 0, 0, false
	}
	count = int(first)
	if isRange {
		last, err := strconv.ParseUint(to, 10, 31)
		if err != nil || last < first {
			return 0, 0, false
		}
		low, count = int(first), int(last-first)+1
	}
	return low, count, count >= 1 && count <= MaxSlots
}

// table returns the options of a template whose definition begins on line.
func (t *ServerTemplate) table(line int) options.Table {
	table := t.Server.table(line)
	delete(table, "id")
	table["discovery"] = options.Once(t.parseDiscovery)
	return table
}

// parseDiscovery parses "discovery <source> [<args…>] { … }".
func (t *ServerTemplate) parseDiscovery(d *caddyfile.Dispenser) error {
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	if err := validateDiscovery(name); err != nil {
		return d.Errf("discovery: %w", err)
	}
	source, err := caddyfile.UnmarshalModule(d, discovery.Namespace+"."+name)
	if err != nil {
		return err
	}
	t.DiscoveryRaw = caddyconfig.JSONModuleObject(source, "source", name, nil)
	return nil
}
