// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// UnmarshalCaddyfile parses the rest of a line and a block. Syntax:
//
//	stick [on <key>] {
//		on|match|store_request|store_response <key> [table <name>] [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		response_delay <duration>|off
//		<option of a table> …
//	}
//
// A key is a sample expression, a placeholder, or one of src (also remote_ip), sni, session_id and
// ja4. With session_id, on looks for the id of the ClientHello and stores that of the ServerHello.
// For the options of a table see Table.
func (b *Backend) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	begin, table := *d, make(options.Table)
	for _, action := range actions {
		table[action] = options.Repeatable(func(d *caddyfile.Dispenser) error { return b.parseRule(d, action) })
	}
	table["response_delay"] = options.Once(b.parseDelay)
	own := new(Table)
	maps.Copy(table, own.Options())
	if err := table.ParseLine(d); err != nil {
		return err
	}
	if !own.isZero() {
		b.Table = own
	}
	if len(b.Rules) == 0 {
		return begin.Errf("stick: expected at least one rule, such as on src")
	}
	return nil
}

// isZero reports whether no option is set.
func (t *Table) isZero() bool {
	return t.Type == "" && t.Length == 0 && t.Size == 0 && t.Expire == 0 && !t.NoPurge && len(t.Store) == 0 && t.ServerKey == "" && len(t.StoreInRaw) == 0 &&
		t.Peers == "" && !t.ReceiveOnly
}

// keys are the words for keys that are more than themselves.
var keys = map[string]string{"remote_ip": "src", "sni": "req.ssl_sni,lower"}

func (b *Backend) parseRule(d *caddyfile.Dispenser, action string) error {
	r := &Rule{Action: action}
	if !d.NextArg() {
		return d.Errf("%s: expected a key, such as src, sni or session_id", action)
	}
	if r.Key = d.Val(); keys[r.Key] != "" {
		r.Key = keys[r.Key]
	}
	if _, err := compileKey(new(sample.Loader), r.Key, r.ofResponse()); err != nil {
		return d.Errf("%s %s: %v", action, d.Val(), err)
	}
	if d.NextArg() {
		if d.Val() != "table" {
			d.Prev()
		} else if !d.Args(&r.Table) {
			return d.Errf("%s: expected the name of a table after table", action)
		}
	}
	if err := rules.ParseCondition(d, action+" "+r.Key, &r.MatcherSetsRaw, &r.UnlessRaw); err != nil {
		return err
	}
	b.Rules = append(b.Rules, r)
	if action == On && r.Key == sessionID { // the server chooses it
		learns := *r
		r.Action, learns.Action = Match, StoreResponse
		learns.MatcherSetsRaw, learns.UnlessRaw = slices.Clone(r.MatcherSetsRaw), slices.Clone(r.UnlessRaw)
		b.Rules = append(b.Rules, &learns)
	}
	return nil
}

func (b *Backend) parseDelay(d *caddyfile.Dispenser) error {
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	if strings.EqualFold(word, "off") {
		b.ResponseDelay = off
		return nil
	}
	delay, err := caddy.ParseDuration(word)
	if err != nil || delay < time.Millisecond {
		return d.Errf("response_delay %q: expected a duration such as 5s, or off", word)
	}
	b.ResponseDelay = caddy.Duration(delay)
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Backend)(nil)
