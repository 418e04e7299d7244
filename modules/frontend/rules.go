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

// screen applies rules that come before the client's data, which may be nil.
func (c *connection) screen(ruleset *rules.Config) *ending {
	if ruleset == nil || len(ruleset.Rules) == 0 {
		return nil
	}
	end := c.applyRules(ruleset, false)
	if end != nil && c.f.sessionRate() > 0 && !c.isTrial() {
		c.f.conns.sessions.Undo() // HAProxy counts only those that the rules let through
	}
	if c.viewState.ExpectProxy && c.header == nil {
		c.header = new(headerState)
	}
	if c.viewState.ExpectProxy && c.header.mode == headerNotAllowed {
		c.header.mode = headerRequired
	}
	return end
}

// applyRules applies a ruleset. With mayRead it waits for the bytes that the rules need.
func (c *connection) applyRules(ruleset *rules.Config, mayRead bool) *ending {
	if mayRead && ruleset.NeedsRequest() {
		if end := c.readOnce(ruleset); end != nil {
			return end
		}
	}
	for final := ruleset.InspectDelay == 0 || !mayRead; ; {
		wait, end := c.tryRules(ruleset, final, mayRead)
		if !wait {
			c.input.delayEnds = time.Time{}
			return end
		}
		c.startDelay(ruleset)
		expired, end := c.readMore(ruleset)
		if end != nil {
			return end
		}
		final = final || expired
	}
}

// startDelay starts the delay of a ruleset that waits, unless it has started.
func (c *connection) startDelay(ruleset *rules.Config) {
	if c.input.delayEnds.IsZero() {
		c.input.delay = time.Duration(ruleset.InspectDelay)
		c.input.delayEnds = time.Now().Add(c.input.delay)
	}
}

// tryRules applies a ruleset to the bytes that have been read. It does not block, but reports
// whether a rule needs more of them. With final, rules decide without.
func (c *connection) tryRules(ruleset *rules.Config, final, mayRead bool) (wait bool, end *ending) {
	v := c.rulesView(final || c.input.clientFinished || c.sawAll())
	if !mayRead {
		v.Hello = nil
	} else if !v.Final && c.mayBeRefused() {
		return true, nil
	}
	switch action, rule, err := c.decide(ruleset, v); {
	case err != nil:
		c.noteHello()
		return false, internalFailure(err)
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

// decide evaluates rules, from the one that waits for a key, if one does.
func (c *connection) decide(ruleset *rules.Config, v *rules.View) (rules.Action, *rules.Rule, error) {
	if v.Resume = c.input.resume; c.input.resumeOf != c.f.generation {
		v.Resume = 0
	}
	action, rule, err := ruleset.Decide(v)
	c.input.resume, c.input.resumeOf = v.Resume, c.f.generation
	if v.Redirected {
		c.record.Local = tcplog.AddrOfIP(v.Destination)
	}
	return action, rule, err
}

// verbOf maps the actions of rules that end a connection to verbs.
var verbOf = map[rules.Action]Verb{rules.Reject: Reject, rules.Close: Close, rules.Reset: Reset, rules.Drop: Drop}

// refusedBy returns the ending of a connection that a rule of a ruleset has refused.
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
	reason, _, _ := strings.Cut(kind, " ")
	return &ending{end: tcplog.Refused, by: relay.Proxy, err: errors.New(by.Called(kind)), verb: Close, refusal: Refusal{reason, by.Number()}}
}

// clientLeft returns the ending of a client that has left or timed out while a ruleset waited. As
// in HAProxy's log, a rule may refuse it all the same; otherwise the record names the backend that
// it would have reached.
func (c *connection) clientLeft(ruleset *rules.Config, how tcplog.End, err error) *ending {
	c.noteHello()
	if ruleset != nil {
		if action, by, err := c.decide(ruleset, c.rulesView(true)); err == nil && action != rules.Accept && action != rules.Wait {
			return c.refusedBy(ruleset, by)
		}
	}
	if c.record.Backend == "" {
		if b, _, err := c.f.Router.Route(c.rulesView(true)); err == nil && b != nil {
			c.record.Backend = b.Name()
		}
	}
	return &ending{end: how, by: relay.Client, err: err}
}

// applyBackendRules applies the rules of a backend that come before its servers.
func (c *connection) applyBackendRules(b *balancer.Backend) *ending {
	c.forced = false
	if len(b.PersistRules) > 0 {
		if b.ForcesByRequest() {
			if end := c.readForBackend(); end != nil {
				return end
			}
		}
		var err error
		if c.forced, err = b.ForcesPersistence(c.rulesView(true)); err != nil {
			return internalFailure(err)
		}
	}
	if b.Content == nil {
		return nil
	}
	return c.applyRules(b.Content, true)
}

// assignedServer returns the server that the backend's rules name for the connection; if empty,
// the policy picks one. On a shard it does not wait for the store of a stick table; then c.stores
// says that it has to.
func (c *connection) assignedServer(b *balancer.Backend) (server string, end *ending) {
	c.stores.Reset()
	if len(b.UseServer) == 0 && b.Stick == nil {
		return "", nil
	}
	if b.AssignsByRequest() {
		if end := c.readForBackend(); end != nil {
			return "", end
		}
	}
	server, err := b.Assigned(c.rulesView(true), c.forced)
	if err == nil && b.Stick != nil {
		c.stores.MayWait = c.gone != nil
		server, err = b.StickyServer(c.rulesView(true), server, c.forced, &c.stores)
	}
	if err != nil {
		return "", internalFailure(err)
	}
	return server, nil
}

// readForBackend reads what the client has sent so far, unless that has been done.
func (c *connection) readForBackend() *ending {
	if c.input.read {
		return nil
	}
	if end := c.readOnce(nil); end != nil {
		return end
	}
	c.noteHello()
	return nil
}

// rulesView returns what rules see now. A connection has one view, which the next call changes.
func (c *connection) rulesView(final bool) *rules.View {
	if c.viewState.Connection == nil {
		c.viewState.Connection, c.viewState.State, c.viewState.Var, c.viewState.SetVar = c.connForMatchers, c, c.variable, c.setVar
		c.viewState.Tables, c.viewState.Tracker, c.viewState.Resolver = c, c, c
	}
	c.viewState.Priority = &c.input.priority
	if !c.hasAddresses {
		c.hasAddresses = true
		c.setAddresses()
	}
	c.viewState.Hello, c.viewState.Final, c.viewState.Counted = c.hello, final, &c.input.counted
	return &c.viewState
}

// setAddresses sets the addresses that rules see.
func (c *connection) setAddresses() {
	v, at := &c.viewState, l4acl.Addresses(c.Conn)
	v.Redirected, v.Chosen = false, false
	v.Source, v.Destination = at.Source, at.Destination
	v.Header = c.proxyHeader()
	if v.Header == nil {
		return
	}
	v.Peer, v.Local = at.Source, at.Destination
	if v.Header.HasAddresses() {
		v.Source, v.Destination = unmapped(v.Header.Source), unmapped(v.Header.Destination)
	}
}

// variable returns a variable of the connection or, with the prefix for it, of the process.
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
	var value any // nil deletes it
	if v.Kind() != sample.None {
		value = v
	}
	c.layer4().SetVar(name, value)
	if c.matchersConn != nil {
		c.matchersConn.SetVar(name, value)
	}
}
