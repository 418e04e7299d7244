// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

const matchers = "layer4.matchers"

// UnmarshalCaddyfile sets up the rules. Syntax:
//
//	content {
//		inspect_delay <duration>
//		accept|close|reset|drop|reject [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		set_var <name> <expression> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		set_var_format <name> <format> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		unset_var <name> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		set_log_level <level> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		set_priority_class|set_priority_offset <number or expression> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		set_dst|set_dst_port <expression> [unless] [<matcher> <args…>] {
//			<matcher> <args…>
//		}
//		do_resolve <name> <expression> [resolvers <name>] [prefer ipv4|ipv6] [unless] … {
//			<matcher> <args…>
//		}
//		track_sc0|track_sc1|track_sc2 <key> [table <name>] [unless] [<matcher> <args…>] {
//		track <counter> <key> [table <name>] …
//		sc_inc_gpc0|sc_inc_gpc1 <counter> …
//		sc_inc_gpc <index> <counter> …
//		sc_add_gpc <index> <counter> <number>|<expression> …
//		sc_set_gpt <index> <counter> <number>|<expression> …
//		sc_set_gpt0 <counter> <number>|<expression> …
//	}
//
// For matchers see ParseCondition.
func (c *Config) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	table := RuleOptions(&c.Rules)
	table["inspect_delay"] = options.Duration(&c.InspectDelay)
	return table.ParseBlock(d)
}

// RuleOptions returns the options of a block of rules, one for each action.
func RuleOptions(rules *[]*Rule) options.Table {
	table := make(options.Table)
	for name, action := range actions {
		table[name] = options.Repeatable(func(d *caddyfile.Dispenser) error {
			r := &Rule{Action: name}
			*rules = append(*rules, r)
			return r.unmarshalCaddyfile(d, action)
		})
	}
	addTrackingOptions(table, rules)
	return table
}

func (r *Rule) unmarshalCaddyfile(d *caddyfile.Dispenser, action Action) error {
	if err := r.parseVar(d, action); err != nil {
		return err
	}
	return r.finishCaddyfile(d, action)
}

// finishCaddyfile validates the rule and parses its condition.
func (r *Rule) finishCaddyfile(d *caddyfile.Dispenser, action Action) error {
	if err := r.validate(); err != nil {
		return d.WrapErr(err)
	}
	if _, _, err := r.compile(action, l4acl.WithoutFiles()); err != nil {
		return d.WrapErr(err)
	}
	return ParseCondition(d, r.Action, &r.MatcherSetsRaw, &r.UnlessRaw)
}

// parseVar parses the arguments of an action that has some: a variable and its value, or what
// tracking needs.
func (r *Rule) parseVar(d *caddyfile.Dispenser, action Action) error {
	switch action {
	case setVar:
		if !d.Args(&r.Var, &r.Value) {
			return d.Err("expected set_var NAME EXPRESSION")
		}
	case doResolve:
		return r.parseResolve(d)
	case setVarFormat:
		if !d.Args(&r.Var, &r.Value) {
			return d.Err("expected set_var_format NAME FORMAT")
		}
	case unsetVar:
		if !d.Args(&r.Var) {
			return d.Err("expected unset_var NAME")
		}
	case setLogLevel:
		if !d.Args(&r.Value) {
			return d.Err("expected set_log_level LEVEL")
		}
	case setDst, setDstPort:
		if !d.Args(&r.Value) {
			return d.Errf("expected %s EXPRESSION", r.Action)
		}
	case setPriorityClass, setPriorityOffset:
		if !d.Args(&r.Value) {
			return d.Errf("expected %s NUMBER or %[1]s EXPRESSION", r.Action)
		}
	default:
		if action.isTracking() {
			return r.parseTracking(d, action)
		}
	}
	return nil
}

// RuleTarget parses the target of a rule, the first argument on its line. It rejects `use_backend
// sni www.example.com`, which has a matcher in place of the target. A backend named like a matcher
// is allowed.
func RuleTarget(d *caddyfile.Dispenser, target *string, what string) error {
	option := d.Val()
	if !d.NextArg() {
		return d.Errf("%s: expected %s", option, what)
	}
	*target = d.Val()
	unless := *target == "unless"
	if !IsMatcher(*target) && !unless || !d.NextArg() {
		return nil
	}
	if unless || !IsMatcher(d.Val()) && d.Val() != "unless" {
		return d.Errf("%s: expected %s before %s", option, what, *target)
	}
	d.Prev()
	return nil
}

// ParseCondition parses the rest of a rule's line, and its block. One matcher may be on the line,
// or several in the block, one per line, all of which must match. After unless, the rule applies if
// they do not all match. Syntax:
//
//	… [unless] [<matcher> <args…>] {
//		<matcher> <args…>
//	}
//
// A matcher is a field of client_hello (sni, alpn ...) or the name of a layer4 matcher. The matcher
// acl may be given several times: all must be true.
func ParseCondition(d *caddyfile.Dispenser, rule string, match, unless *[]caddy.ModuleMap) error {
	to := match
	if d.NextArg() {
		if d.Val() == "unless" {
			to = unless
		} else {
			d.Prev()
		}
	}
	set := make(caddy.ModuleMap)
	hello := new(l4clienthello.Matcher)
	if err := matcherOptions(hello, set).With(unseen).ParseLine(d); err != nil {
		return err
	}
	if !hello.Empty() {
		if set["client_hello"] != nil {
			return d.Errf("rule for %s: sni, alpn and the like are fields of client_hello: expected either them or client_hello", rule)
		}
		set["client_hello"] = caddyconfig.JSON(hello, nil)
	}
	switch {
	case len(set) > 0:
		*to = []caddy.ModuleMap{set}
	case to == unless:
		return d.Errf("rule for %s: expected a matcher after unless", rule)
	}
	return nil
}

// unseen has advice for words that name parts of a request, which rules cannot see.
var unseen = make(options.Advice).Add("it is inside TLS, which is passed through unchanged",
	strings.Fields("path path_beg path_regexp header headers hdr method query uri url cookie")...)

// IsMatcher reports whether the word names a matcher.
func IsMatcher(word string) bool {
	_, ok := matcherOptions(new(l4clienthello.Matcher), nil)[word]
	return ok
}

// MatcherNames returns the words that name matchers.
func MatcherNames() []string { return matcherOptions(new(l4clienthello.Matcher), nil).Names() }

// ActionNames returns the words that begin a rule.
func ActionNames() []string { return RuleOptions(new([]*Rule)).Names() }

// matcherOptions returns the options of a condition. The fields of client_hello are parsed into
// hello, other matchers into set.
func matcherOptions(hello *l4clienthello.Matcher, set caddy.ModuleMap) options.Table {
	table := make(options.Table)
	for _, m := range caddy.GetModules(matchers) {
		table[m.ID.Name()] = options.Once(func(d *caddyfile.Dispenser) error { return parseMatcher(d, m.ID, set) })
	}
	table["acl"] = options.Repeatable(func(d *caddyfile.Dispenser) error { return parseACL(d, set) })
	maps.Copy(table, hello.Options())
	return table
}

func parseMatcher(d *caddyfile.Dispenser, id caddy.ModuleID, set caddy.ModuleMap) error {
	m, err := caddyfile.UnmarshalModule(d, string(id))
	if err != nil {
		return err
	}
	if _, ok := m.(layer4.ConnMatcher); !ok {
		return d.Errf("%s is not a layer4 connection matcher", id)
	}
	set[id.Name()] = caddyconfig.JSON(m, nil)
	return nil
}

// parseACL adds terms to the acl matcher of set.
func parseACL(d *caddyfile.Dispenser, set caddy.ModuleMap) error {
	var terms l4acl.Matcher
	if earlier := set["acl"]; earlier != nil {
		if err := json.Unmarshal(earlier, &terms); err != nil {
			return fmt.Errorf("parsing the preceding acl: %w", err)
		}
	}
	if err := terms.UnmarshalCaddyfile(d.NewFromNextSegment()); err != nil {
		return err
	}
	set["acl"] = caddyconfig.JSON(&terms, nil)
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Config)(nil)
