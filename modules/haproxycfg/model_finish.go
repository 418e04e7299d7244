// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// validate reports what can only be seen once all sections have been read. If a line was invalid,
// settings that seem to be missing may have been in it, so they are not reported until it is
// corrected; HAProxy stops before this point in that case.
func (t *translation) validate() {
	for _, p := range t.proxies {
		if p.skipped {
			continue
		}
		t.validateMode(p)
		t.validateExternalCheck(p) // HAProxy asks it of frontends too
		if p.isFrontend() {
			t.validateFrontend(p)
		}
		if p.isBackend() {
			t.validateBackend(p)
		}
		t.finishLookups(p)
		t.warnTimeouts(p)
		t.warnUnlogged(p)
		t.validatePage(p)
	}
	t.warnUnusedDefaultTLS()
	t.warnUnusedBindTLS()
	t.finishPeers()
	t.validateTables()
	t.validateTableUses()
	t.validateQuestions()
	t.validateRings()
	t.joinSites()
}

// validateMode reports rules that do not suit the section's mode.
func (t *translation) validateMode(p *proxy) {
	if !p.isHTTP() || p.disabled {
		return
	}
	if p.hasRules() {
		t.errorf(p.Pos, "%s has 'tcp-request' rules in mode http: expected them in a section of mode tcp", p)
	}
	for i := range p.binds {
		if b := &p.binds[i]; b.magic != 0 {
			t.errorf(b.Pos, "'bind ... accept-netscaler-cip' in %s is not available in mode http: expected accept-proxy, or mode tcp", p)
		}
	}
}

func (t *translation) validateFrontend(p *proxy) {
	if len(p.binds) == 0 && len(p.skippedBinds) == 0 && !p.invalid {
		t.warnf(p.Pos, "%s has no 'bind' directive. Please declare it as a backend if this was intended.", p)
	}
	if !p.disabled {
		for i := range p.binds {
			t.validateAdminPort(&p.binds[i])
		}
	}
	t.validateSockets(p)
	t.validateUniqueID(p)
	t.validateRouting(p)
}

// validateRouting validates the backends that a frontend names, and warns of rules without effect.
func (t *translation) validateRouting(p *proxy) {
	for _, u := range p.useBackend {
		if !u.dynamic {
			t.validateTarget(p, u.reference, "use_backend")
		}
	}
	if p.defaultBackend.name != "" {
		t.validateTarget(p, p.defaultBackend, "default_backend")
		if len(p.servers) > 0 {
			t.warnf(p.defaultBackend.Pos, "%s: 'default_backend' always has precedence over the servers, which will never be used", p)
		}
	}
	if p.inspect == 0 && !p.invalid && slices.ContainsFunc(p.useBackend, useRule.needsRequest) {
		t.warnf(p.useBackend[0].Pos, "'use_backend' in %s needs data from the client, and without 'tcp-request inspect-delay' and a 'tcp-request content' rule nothing waits for it: data that arrives after the accept is not seen, as in HAProxy", p)
	}
}

// needsRequest reports whether the rule needs data from the client.
func (u useRule) needsRequest() bool {
	return u.cond.needs(sample.NeedsRequest) || u.dynamic && strings.Contains(u.name, "req")
}

// validateTarget validates a backend that a frontend names.
func (t *translation) validateTarget(p *proxy, to reference, keyword string) {
	b := t.backends[to.name]
	switch {
	case b == nil && t.incomplete: // it may exist
	case b == nil:
		t.errorf(to.Pos, "Proxy '%s': unable to find required %s: '%s'%s", p.name, keyword, to.name, didYouMean(to.name, slices.Collect(maps.Keys(t.backends))))
	case b.disabled || p.disabled, p.invalid || b.invalid:
	case b.skipped: // warnSkipped reports it
	case p.isHTTP() && !b.isHTTP():
		t.errorf(to.Pos, "http %s (%s) tries to use incompatible tcp %s (%s) as its %s (see 'mode')", p, p.Pos, b, b.Pos, keyword)
	case p != b && b.isFrontend() && len(b.content) > 0:
		t.errorf(to.Pos, "%s uses %s (%s) as its %s, and 'tcp-request content' rules of a listen section for connections of other frontends are not available: expected a backend section, with these rules", p, b, b.Pos, keyword)
	}
}

func (t *translation) validateBackend(p *proxy) {
	if p.balance.name == "" && len(p.servers) > 1 && !p.invalid {
		t.defaultBalance(p)
	}
	t.validateUseServer(p)
	t.validateStick(p)
	p.fullconn = t.fullConn(p)
	ids := make(map[int]*server)
	for _, n := range p.servers {
		if other := ids[n.ID]; n.ID != 0 && other != nil {
			t.errorf(n.Pos, "'server %s/%s' : custom id %d has already been used for server '%s'", p.name, n.Name, n.ID, other.Name)
		}
		ids[n.ID] = n
		t.finishServer(p, n)
	}
	if !p.invalid {
		t.warnUnusedRules(p)
	}
}

// finishServer validates a server, and applies what follows from all of its options.
func (t *translation) finishServer(p *proxy, n *server) {
	if err := t.validateServer(p, n); err != "" {
		t.errorf(n.Pos, "'server %s/%s' : %s", p.name, n.Name, err)
	} else if !n.invalid {
		t.finishHTTP(p, n)
		t.finishTLS(p, n)
	}
	if n.observe == "layer7" && !p.isHTTP() {
		t.warnf(n.Pos, "'server %s/%s' : 'observe layer7' is ignored, as in HAProxy: it can only be used in http proxies", p.name, n.Name)
	}
}

// leadsTo reports whether the section is a frontend that may send connections to a backend.
func (p *proxy) leadsTo(b *proxy) bool {
	return p.isFrontend() && (p == b || p.defaultBackend.name == b.name ||
		slices.ContainsFunc(p.useBackend, func(u useRule) bool { return u.dynamic || u.name == b.name }))
}

// frontendsOf returns the frontends that may send connections to a backend, without those that are
// disabled.
func (t *translation) frontendsOf(b *proxy) iter.Seq[*proxy] {
	return func(yield func(*proxy) bool) {
		for _, p := range t.proxies {
			if !p.disabled && p.leadsTo(b) && !yield(p) {
				return
			}
		}
	}
}

// warnTimeouts warns of missing timeouts, as HAProxy does. They remain infinite.
func (t *translation) warnTimeouts(p *proxy) {
	listens, hasServers := p.isFrontend() && len(p.binds) > 0, p.isBackend() && len(p.servers) > 0
	var missing []string
	for _, of := range []struct {
		name   string
		needed bool
		given  *time.Duration
	}{
		{"'client'", listens, p.timeouts.client},
		{"'connect'", hasServers, p.timeouts.connect},
		{"'server'", hasServers, p.timeouts.server},
	} {
		if of.needed && of.given == nil {
			missing = append(missing, of.name)
		}
	}
	if len(missing) > 0 && !p.disabled && !p.invalid {
		t.collect(p.Pos, "missing timeouts ("+strings.Join(missing, ", ")+") for %s: idle connections are never closed", p.String())
	}
}

// countBinds returns the number of addresses that are listened on.
func (t *translation) countBinds() (n int) {
	for range t.activeBinds {
		n++
	}
	return n
}
