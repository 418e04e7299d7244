// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

var errNoRoute = errors.New("no rule matches and there is no default backend")

// route picks the backend by the bytes that have been read. It does not block.
func (c *connection) route() (*balancer.Backend, *ending) {
	if why, none := reasonOf[c.record.Outcome]; none && c.f.Content == nil {
		return c.refuse(why, &ending{end: tcplog.Refused, by: relay.Proxy, err: c.hello.Err()})
	}
	c.noteHello()
	backend, by, counts, err := c.f.Router.decide(c.rulesView(true))
	if counts != nil && !c.isTrial() {
		counts.Count(c.accepted.Add(c.record.HelloWait)) // now
	}
	switch {
	case err != nil:
		return nil, internalFailure(err)
	case by != nil:
		verb := by.Target.verb
		if verb == Next {
			return nil, passingOn()
		}
		return nil, &ending{
			end: tcplog.Refused, by: relay.Proxy, err: fmt.Errorf("rule %d: %s", by.number, verb),
			verb: verb, alert: alertAccessDenied, refusal: Refusal{"routing", by.number},
		}
	case backend == nil:
		return c.refuse(NoMatch, &ending{end: tcplog.NoBackend, by: relay.Proxy, err: errNoRoute})
	}
	return backend, nil
}

// refuse applies the action of on for a reason: it returns the backend to use instead, or
// completes end.
func (c *connection) refuse(why Reason, end *ending) (*balancer.Backend, *ending) {
	a := c.f.Actions[why]
	if c.isTrial() {
		c.viewState.Observe(rules.Step{List: "on", Rule: fmt.Sprintf("on %s %s", why, a), Verdict: sample.Pass})
	} else {
		c.f.outcomes[why].Count(time.Now())
	}
	switch a.Verb {
	case UseBackend:
		return a.Backend, nil
	case Next:
		return nil, passingOn()
	default:
	}
	if end.err == nil {
		end.err = fmt.Errorf("on %s: %s", why, a.Verb)
	}
	end.verb, end.alert = a.Verb, alerts[why]
	if why != NoServer {
		end.refusal = Refusal{Reason: reasonNames[why]}
	}
	return nil, end
}
