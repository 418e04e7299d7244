// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// response decides by the backend's rules about the first bytes of a session's server, and stores
// the session in stick tables.
type response struct {
	c        *connection // nil once it has decided: the configuration is not kept
	session  *session
	recycle  func()    // called with the decision; may be nil
	accepted bool      // by the rules; those of stick may still wait
	until    time.Time // the end of the delay; zero: it has not begun
}

// holdResponse makes a connection that is becoming a session hold the server's first bytes back, if
// the backend has rules about them. Then the connection must stay as it is until recycle is called.
// Otherwise the connection is stored in its stick tables.
func (c *connection) holdResponse(s *session, recycle func()) (holds bool) {
	b := c.backend
	if b == nil {
		return false
	}
	if (b.Response == nil || len(b.Response.Rules) == 0) && !b.Stick.LearnsResponse() {
		c.storeServer(s)
		return false
	}
	s.HoldResponse(&response{c: c, session: s, recycle: recycle}, b.Response.Foreign() || b.Stick.Foreign())
	return true
}

// storeServer stores the server of a session in the stick tables that rules have named.
func (c *connection) storeServer(s *session) {
	if c.stores.Empty() {
		return
	}
	if server := s.lease.Server; c.backend.IsSticky(server.Name) {
		c.stores.Store(server.Name, server.Address)
	}
	c.stores.Reset()
}

// Inspect implements relay.Inspector.
func (r *response) Inspect(b []byte, final bool) relay.Decision {
	d := relay.Decision{Do: relay.Pass}
	if !r.accepted {
		d = r.applyRules(b, final)
		r.accepted = d.Do == relay.Pass
	}
	if r.accepted {
		d = r.learn(b, final)
	}
	if d.Do == relay.Hold && !final {
		return d
	}
	if r.c = nil; r.recycle != nil {
		r.recycle()
	}
	return d
}

// applyRules applies the backend's rules.
func (r *response) applyRules(b []byte, final bool) relay.Decision {
	ruleset := r.c.backend.Response
	if ruleset == nil {
		return relay.Decision{Do: relay.Pass}
	}
	v := r.c.rulesView(final || ruleset.InspectDelay == 0)
	v.Response, v.Resume = b, 0
	action, rule, err := ruleset.Decide(v)
	v.Response = nil
	switch {
	case err != nil:
		return relay.Decision{Do: relay.Refuse, Err: err}
	case action == rules.Accept:
		r.until = time.Time{}
		return relay.Decision{Do: relay.Pass}
	case action == rules.Wait:
		return r.wait(time.Duration(ruleset.InspectDelay))
	default:
		r.session.markRefused(rule)
		return relay.Decision{Do: relay.Refuse, Reason: rule.Called("response"), Reset: rule.Action == "reset"}
	}
}

// learn applies the stick rules for responses, and stores the session.
func (r *response) learn(b []byte, final bool) relay.Decision {
	if stick := r.c.backend.Stick; stick.LearnsResponse() {
		v := r.c.rulesView(final || stick.ResponseDelay < 0)
		v.Response = b
		waits, err := stick.Response(v, &r.c.stores)
		v.Response = nil
		switch {
		case err != nil:
			return relay.Decision{Do: relay.Refuse, Err: err}
		case waits:
			return r.wait(time.Duration(stick.ResponseDelay))
		}
	}
	r.c.storeServer(r.session)
	return relay.Decision{Do: relay.Pass}
}

// wait waits for more from the server, for a delay from the first wait on.
func (r *response) wait(delay time.Duration) relay.Decision {
	if r.until.IsZero() {
		r.until = time.Now().Add(delay)
	}
	return relay.Decision{Do: relay.Hold, Until: r.until}
}

// Interface guards
var _ relay.Inspector = (*response)(nil)
