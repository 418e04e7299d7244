// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// response decides by the backend's rules about the first bytes of a session's server.
type response struct {
	c       *connection // nil once it has decided: the configuration is not kept
	session *session
	recycle func()    // called with the decision; may be nil
	started bool      // the delay of the rules has begun
	until   time.Time // its end
}

// holdResponse makes a connection that is becoming a session hold the server's first bytes back, if
// the backend has rules about them. Then the connection must stay as it is until recycle is called.
func (c *connection) holdResponse(s *session, recycle func()) (holds bool) {
	if c.backend == nil || c.backend.Response == nil || len(c.backend.Response.Rules) == 0 {
		return false
	}
	s.HoldResponse(&response{c: c, session: s, recycle: recycle}, c.backend.Response.Foreign())
	return true
}

// Inspect implements relay.Inspector.
func (r *response) Inspect(b []byte, final bool) relay.Decision {
	ruleset := r.c.backend.Response
	v := r.c.rulesView(final || ruleset.InspectDelay == 0)
	v.Response = b
	action, rule, err := ruleset.Decide(v)
	v.Response = nil
	switch {
	case err != nil:
		r.decided()
		return relay.Decision{Do: relay.Refuse, Err: err}
	case action == rules.Accept:
		r.decided()
		return relay.Decision{Do: relay.Pass}
	case action == rules.Wait:
		return r.wait(time.Duration(ruleset.InspectDelay))
	default:
		r.session.markRefused()
		r.decided()
		return relay.Decision{Do: relay.Refuse, Reason: rule.Called("response"), Reset: rule.Action == "reset"}
	}
}

// wait waits for more from the server, for a delay from the first wait on.
func (r *response) wait(delay time.Duration) relay.Decision {
	if !r.started {
		r.started, r.until = true, time.Now().Add(delay)
	}
	return relay.Decision{Do: relay.Hold, Until: r.until}
}

// decided drops the connection.
func (r *response) decided() {
	if r.c = nil; r.recycle != nil {
		r.recycle()
	}
}

// Interface guards
var _ relay.Inspector = (*response)(nil)
