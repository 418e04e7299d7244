// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// doResolve reads "do-resolve(VARIABLE,RESOLVERS[,ipv4|ipv6]) EXPRESSION". As in HAProxy, IPv6 is
// preferred if neither is given.
func (t *translation) doResolve(p *proxy, s statement, has sample.Needs, r rule, more string) (rule, []string, error) {
	text, ok := strings.CutSuffix(more, ")")
	words := strings.Split(text, ",")
	if !ok || len(words) < 2 || words[1] == "" {
		return r, nil, errors.New("expects 'do-resolve(<variable>,<resolvers>[,ipv4|ipv6])', such as do-resolve(txn.ip,dns,ipv4)")
	}
	var err error
	if r.variable, err = parseVariable(words[0] + ")"); err != nil {
		return r, nil, err
	}
	r.resolvers, r.prefer = words[1], "ipv6"
	for _, word := range words[2:] {
		if word == "ipv4" || word == "ipv6" {
			r.prefer = word
		}
	}
	r.at = s.Pos
	return t.ruleValue(p, s, has, r)
}

// finishLookups validates the resolvers that rules name. Those without servers are the system's.
func (t *translation) finishLookups(p *proxy) {
	for i := range p.content {
		r := &p.content[i]
		if r.resolvers != "" && t.resolvers[r.resolvers] == nil && !t.incomplete {
			t.errorf(r.at, "Can't find resolvers section '%s' for do-resolve action%s", r.resolvers, didYouMean(r.resolvers, slices.Collect(maps.Keys(t.resolvers))))
		}
		if t.withServers()[r.resolvers] == nil {
			r.resolvers = ""
		}
	}
}
