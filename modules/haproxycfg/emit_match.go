// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// sets returns the groups of a condition as sets of layer4 matchers, either for match or for
// unless.
func (c *condition) sets() (match, unless []caddy.ModuleMap) {
	if c == nil {
		return nil, nil
	}
	var sets []caddy.ModuleMap
	for _, group := range c.groups {
		sets = append(sets, matchers(group))
	}
	if c.unless {
		return nil, sets
	}
	return sets, nil
}

// matchers returns the matchers for a group of terms. A group that only asks for plain server names
// becomes the matcher client_hello: the frontend keeps these names in a table, so that a single
// lookup finds the rule among ten thousand.
func matchers(group []term) caddy.ModuleMap {
	if patterns, ok := serverNames(group); ok {
		return caddy.ModuleMap{"client_hello": caddyconfig.JSON(map[string]any{"sni": patterns}, nil)}
	}
	var acl l4acl.Matcher
	for _, one := range group {
		acl.Terms = append(acl.Terms, sample.Term{Name: one.name, Not: one.not, Any: one.criteria})
	}
	return caddy.ModuleMap{"acl": caddyconfig.JSON(&acl, nil)}
}

// serverNames returns the names that a group asks for as patterns of client_hello. ok is false if
// it asks for anything else, or if case matters.
func serverNames(group []term) (patterns []string, ok bool) {
	if len(group) != 1 || group[0].not {
		return nil, false
	}
	for _, c := range group[0].criteria {
		more, ok := namesOf(c)
		if !ok {
			return nil, false
		}
		patterns = append(patterns, more...)
	}
	slices.Sort(patterns)
	return slices.Compact(patterns), len(patterns) > 0
}

// namesOf returns the names that a criterion asks for, as serverNames does.
func namesOf(c sample.Criterion) (patterns []string, ok bool) {
	fetch, lowered := strings.CutSuffix(c.Fetch, ",lower")
	if fetch != "req.ssl_sni" && fetch != "req_ssl_sni" || len(c.Files) > 0 || len(c.Values) == 0 {
		return nil, false
	}
	for _, value := range c.Values {
		normalized, err := names.Validate(value)
		if err != nil || !isPlainName(value, c.Method) || !c.IgnoreCase && (!lowered || normalized != value) {
			return nil, false
		}
		patterns = append(patterns, normalized)
	}
	return patterns, true
}

// isPlainName reports whether a value stands for one name, or with the method "end" for all names
// below a domain.
func isPlainName(value, method string) bool {
	if strings.ContainsAny(value, "*+") || strings.HasSuffix(value, ".") {
		return false
	}
	if strings.HasPrefix(value, ".") {
		return method == "end"
	}
	return method == "" || method == "str"
}
