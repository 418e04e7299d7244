// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// screen tries the rules that come before anything is read.
func (c *connection) screen() *ending {
	for _, ruleset := range [...]*rules.Config{c.f.Connection, c.f.Session} {
		if ruleset == nil || len(ruleset.Rules) == 0 {
			continue
		}
		if end := c.admit(ruleset, false); end != nil {
			return end
		}
	}
	return nil
}

// admit tries rules, and waits for what they need where they may read.
func (c *connection) admit(ruleset *rules.Config, mayRead bool) *ending {
	if mayRead && ruleset.NeedsRequest() {
		if end := c.readOnce(ruleset); end != nil {
			return end
		}
	}
	for final := ruleset.InspectDelay == 0 || !mayRead; ; {
		wait, end := c.decide(ruleset, final, mayRead)
		if !wait {
			c.input.due = time.Time{}
			return end
		}
		c.waits(ruleset)
		expired, end := c.await(ruleset)
		if end != nil {
			return end
		}
		final = final || expired
	}
}

// waits notes that a rule cannot be decided yet. The delay counts from the first one.
func (c *connection) waits(ruleset *rules.Config) {
	if c.input.due.IsZero() {
		c.input.due = time.Now().Add(time.Duration(ruleset.InspectDelay))
	}
}

// decide tries rules on what there is. It waits for nothing, but reports whether a rule
// cannot be decided yet; with final none is waited for.
func (c *connection) decide(ruleset *rules.Config, final, mayRead bool) (wait bool, end *ending) {
	v := c.look(final || c.input.finished || c.full())
	if !mayRead {
		v.Hello = nil
	}
	switch action, rule, err := ruleset.Decide(v); {
	case err != nil:
		c.noteHello()
		return false, failed(err)
	case action == rules.Wait:
		return true, nil
	case action == rules.Accept:
		c.noteHello()
		return false, nil
	default:
		c.noteHello()
		end := c.refusedBy(ruleset, rule)
		end.verb, end.alert = verbOf[action], alertAccessDenied
		return false, end
	}
}

// verbOf is what is done with a connection that rules end.
var verbOf = map[rules.Action]Verb{rules.Reject: Reject, rules.Close: Close, rules.Reset: Reset, rules.Drop: Drop}

// refusedBy returns the ending of a connection that one of rules has refused.
func (c *connection) refusedBy(ruleset *rules.Config, by *rules.Rule) *ending {
	kind := "content"
	switch ruleset {
	case c.f.Connection:
		kind = "connection"
	case c.f.Session:
		kind = "session"
	case c.f.Content:
	default:
		kind = fmt.Sprintf("backend %q content", c.record.Backend)
	}
	return &ending{end: tcplog.Refused, by: relay.Proxy, err: errors.New(by.Called(kind)), verb: Close}
}

// left returns the ending of a client that has gone, or is taken to be, while rules
// waited. As in HAProxy's log, it may have been refused all the same, and if not, the
// backend is the one that it would have come to.
func (c *connection) left(ruleset *rules.Config, how tcplog.End, err error) *ending {
	c.noteHello()
	if ruleset != nil {
		if action, by, err := ruleset.Decide(c.look(true)); err == nil && action != rules.Accept && action != rules.Wait {
			return c.refusedBy(ruleset, by)
		}
	}
	if c.record.Backend == "" {
		if b, _, err := c.f.Router.Route(c.look(true)); err == nil && b != nil {
			c.record.Backend = b.Name()
		}
	}
	return &ending{end: how, by: relay.Client, err: err}
}

// admitTo tries the rules of a backend that come before its servers.
func (c *connection) admitTo(b *balancer.Backend) *ending {
	c.forced = false
	if len(b.PersistRules) > 0 {
		if b.ForcesByRequest() {
			if end := c.readForBackend(); end != nil {
				return end
			}
		}
		var err error
		if c.forced, err = b.ForcesPersistence(c.look(true)); err != nil {
			return failed(err)
		}
	}
	if b.Content == nil {
		return nil
	}
	return c.admit(b.Content, true)
}

// assigned returns the server that the backend's rules name for the connection; empty: its
// policy picks one.
func (c *connection) assigned(b *balancer.Backend) (server string, end *ending) {
	if len(b.UseServer) == 0 {
		return "", nil
	}
	if b.AssignsByRequest() {
		if end := c.readForBackend(); end != nil {
			return "", end
		}
	}
	server, err := b.Assigned(c.look(true), c.forced)
	if err != nil {
		return "", failed(err)
	}
	return server, nil
}

// readForBackend reads what the client has sent, unless that has been done.
func (c *connection) readForBackend() *ending {
	if c.input.tried {
		return nil
	}
	if end := c.readOnce(nil); end != nil {
		return end
	}
	c.noteHello()
	return nil
}

// look is what rules see now. There is one view of a connection, and the next
// call changes it.
func (c *connection) look(final bool) *rules.View {
	if c.seen.Connection == nil {
		c.seen.Connection, c.seen.State, c.seen.Var, c.seen.SetVar = c.matching, c, c.variable, c.setVar
	}
	if !c.knows {
		c.knows = true
		at := l4acl.Addresses(c.Conn)
		c.seen.Source, c.seen.Destination = at.Source, at.Destination
	}
	c.seen.Hello, c.seen.Final = c.hello, final
	return &c.seen
}

// variable returns a variable of the connection, or one that all share.
func (c *connection) variable(name string) (sample.Value, bool) {
	if strings.HasPrefix(name, balancer.SharedScope) {
		return c.f.App.Variable(name)
	}
	return c.client.variable(name)
}

func (c *connection) setVar(name string, v sample.Value) {
	if strings.HasPrefix(name, balancer.SharedScope) {
		c.f.App.SetVariable(name, v)
		return
	}
	var value any // none forgets it
	if v.Kind() != sample.None {
		value = v
	}
	c.layer4().SetVar(name, value)
	if c.view != nil {
		c.view.SetVar(name, value)
	}
}
