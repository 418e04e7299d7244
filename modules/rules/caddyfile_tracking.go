// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// shortCounters is the number of counters with a word of their own: track_sc0 and so on.
const shortCounters = 3

// addTrackingOptions adds the words track_sc0, track_sc1 and track_sc2.
func addTrackingOptions(table options.Table, rules *[]*Rule) {
	for counter := range shortCounters {
		table["track_sc"+strconv.Itoa(counter)] = options.Repeatable(func(d *caddyfile.Dispenser) error {
			r := &Rule{Action: "track", Counter: counter}
			*rules = append(*rules, r)
			if err := r.parseKey(d); err != nil {
				return err
			}
			return r.finishCaddyfile(d, track)
		})
	}
}

// parseTracking parses the arguments of an action about what the connection tracks.
func (r *Rule) parseTracking(d *caddyfile.Dispenser, action Action) error {
	if action.hasIndex() {
		if err := parseNumber(d, &r.Index, "the number of an element"); err != nil {
			return err
		}
	}
	if err := parseNumber(d, &r.Counter, "the number of a counter"); err != nil {
		return err
	}
	switch {
	case action == track:
		return r.parseKey(d)
	case action.hasNumber() && !d.Args(&r.Value):
		return d.Errf("%s: expected a number, or an expression", r.Action)
	}
	return nil
}

func parseNumber(d *caddyfile.Dispenser, to *int, what string) (err error) {
	rule := d.Val()
	if !d.NextArg() {
		return d.Errf("%s: expected %s", rule, what)
	}
	if *to, err = strconv.Atoi(d.Val()); err != nil {
		return d.Errf("expected %s, not %s", what, d.Val())
	}
	return nil
}

// parseKey parses "<key> [table <name>]". The key remote_ip is src.
func (r *Rule) parseKey(d *caddyfile.Dispenser) error {
	if !d.Args(&r.Key) {
		return d.Err("track: expected a key, such as remote_ip")
	}
	if r.Key == "remote_ip" {
		r.Key = "src"
	}
	if !d.NextArg() {
		return nil
	}
	if d.Val() != "table" {
		d.Prev()
		return nil
	}
	if !d.Args(&r.Table) {
		return d.Err("track: expected the name of a stick table after table")
	}
	return nil
}
