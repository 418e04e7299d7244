// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// addUseServer reads "use-server NAME|FORMAT if|unless CONDITION".
func addUseServer(t *translation, p *proxy, s statement) {
	switch {
	case !p.isBackend():
		t.useServerInFrontend(p, s)
		return
	case len(s.args) == 0:
		t.errorf(s.Pos, "'use-server' expects a server name, in %s", p)
		return
	case !haproxyfile.BeginsCondition(s.arg(1)):
		t.errorf(s.Pos, "'use-server' requires either 'if' or 'unless' followed by a condition, in %s", p)
		return
	case p.isHTTP():
		t.errorf(s.Pos, "'use-server' in %s: it is not available in mode http: expected a backend for each such server, and use_backend rules", p)
		return
	}
	u := useRule{reference: reference{s.Pos, s.args[0]}}
	err := t.readTargetName(p, s, t.loader, &u)
	if err != nil {
		t.errorf(s.Pos, "use-server rule in %s failed to parse log-format '%s' : %v", p, u.name, err)
		return
	}
	if u.cond, err = t.condition(p, s, s.args[1:]); err != nil {
		t.errorf(s.Pos, "'use-server' in %s: error detected while parsing switching rule : %v", p, err)
		return
	}
	p.useServer = append(p.useServer, u)
}

// validateUseServer reports unknown servers in use-server rules.
func (t *translation) validateUseServer(p *proxy) {
	for _, u := range p.useServer {
		if !u.dynamic && p.serversByName[u.name] == nil {
			t.errorf(u.Pos, "%s : unable to find server '%s' referenced in a 'use-server' rule%s", p, u.name, didYouMean(u.name, slices.Collect(maps.Keys(p.serversByName))))
		}
	}
}

// useServerInFrontend warns that a frontend has no servers, as HAProxy does. A name that depends on
// the connection is not looked up.
func (t *translation) useServerInFrontend(p *proxy, s statement) {
	t.warnf(s.Pos, "'use-server' ignored because %s has no backend capability", p)
	if name := s.arg(0); name != "" && !strings.Contains(name, "%") {
		t.errorf(s.Pos, "%s : unable to find server '%s' referenced in a 'use-server' rule", p, name)
	}
}

// persistRule is a line of force-persist or ignore-persist.
type persistRule struct {
	action string // as in balancer.PersistRule
	cond   *condition
}

// addPersistRule reads "force-persist|ignore-persist if|unless CONDITION". In mode tcp it affects
// use-server; in mode http it affects cookies, which are not available.
func addPersistRule(t *translation, p *proxy, s statement) {
	if !haproxyfile.BeginsCondition(s.arg(0)) {
		t.errorf(s.Pos, "'%s' requires either 'if' or 'unless' followed by a condition.", s.keyword)
		return
	}
	cond, err := t.condition(p, s, s.args)
	if err != nil {
		t.errorf(s.Pos, "error detected while parsing a '%s' rule : %v", s.keyword, err)
		return
	}
	if p.isHTTP() {
		t.notice(s.Pos, ignored, noteNoStickiness, s.keyword)
		return
	}
	p.persistRules = append(p.persistRules, persistRule{strings.TrimSuffix(s.keyword, "-persist"), cond})
}
