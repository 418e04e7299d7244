// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// fullBuffer is how much rules see of what is no ClientHello: what HAProxy's
// buffer has room for (tune.bufsize less tune.maxrewrite). A hello may have
// max_hello.
const fullBuffer = 16384 - 1024

// reading is how far a connection has been read from for rules.
type reading struct {
	tried    bool      // it has been looked for bytes
	expired  bool      // a delay was over
	finished bool      // the client has closed its direction
	active   time.Time // when the client last sent something; zero: never
}

// admitted has rules decide, and waits for what they need where they may read.
// False means that the connection is over.
func (c *connection) admitted(rules *content.Config, mayRead bool) bool {
	c.deciding = rules
	defer func() { c.deciding = nil }()
	if mayRead && rules.NeedsRequest() && !c.attempt() {
		return false
	}
	delay := time.Duration(rules.InspectDelay)
	var due time.Time // set when a rule first cannot be decided
	for final := delay == 0 || !mayRead; ; {
		v := c.look(final || c.input.finished || c.full())
		if !mayRead {
			v.Hello = nil
		}
		action, rule, err := rules.Decide(v)
		switch {
		case err != nil:
			c.noteHello()
			c.fail(err)
			return false
		case action != content.Wait:
			return c.perform(action, rule)
		case due.IsZero():
			due = time.Now().Add(delay)
		}
		expired, gone := c.await(due)
		if gone {
			return false
		}
		final = final || expired
	}
}

// look is what rules see now. There is one view of a connection, and the next
// call changes it.
func (c *connection) look(final bool) *content.View {
	if c.seen.Connection == nil {
		c.seen = content.View{Input: l4acl.Addresses(c.Conn), Connection: c.matching}
		c.seen.State, c.seen.Var, c.seen.SetVar = c, c.variable, c.setVar
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

// full reports whether rules see as much as they ever will.
func (c *connection) full() bool {
	return c.hello.Outcome() != clienthello.Pending && len(c.hello.Bytes()) >= fullBuffer
}

// room is where the next bytes go: not more than rules may see, once that is
// known.
func (c *connection) room() []byte {
	space := c.hello.Space()
	if c.hello.Outcome() == clienthello.Pending {
		return space
	}
	return space[:min(len(space), max(1, fullBuffer-len(c.hello.Bytes())))]
}

// received takes bytes that were read into room.
func (c *connection) received(n int) {
	if n <= 0 {
		return
	}
	c.hello.Commit(n)
	c.input.active = time.Now()
	c.view = nil // it holds less
}

// attempt takes what the client has sent until now, without waiting for it, once
// in the connection's life. False means that the connection is over.
func (c *connection) attempt() bool {
	if c.input.tried {
		return true
	}
	c.input.tried = true
	if c.presence != nil { // it may wait for something to read
		c.presence.end()
	}
	for !c.full() {
		room := c.room()
		n, err := readNow(c.Conn, room)
		c.received(n)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded): // there is nothing
			return true
		case errors.Is(err, io.EOF):
			c.input.finished = true
			return true
		case err != nil:
			c.left(tcplog.ClientLeft, err)
			return false
		case n < len(room):
			return true
		}
	}
	return true
}

// await waits for more from the client, for the end of the delay, or for the
// client's timeout, which ends the connection.
func (c *connection) await(due time.Time) (expired, gone bool) {
	deadline, silent := due, false
	if end := c.silence(); !end.IsZero() && end.Before(due) {
		deadline, silent = end, true
	}
	if err := c.SetReadDeadline(deadline); err != nil {
		c.left(tcplog.ClientLeft, err)
		return false, true
	}
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	n, err := c.Read(c.room())
	c.received(n)
	switch {
	case err == nil || n > 0: // an error comes again
	case errors.Is(err, io.EOF):
		c.input.finished = true
	case !errors.Is(err, os.ErrDeadlineExceeded):
		c.left(tcplog.ClientLeft, err)
		return false, true
	case silent:
		c.left(tcplog.ClientTimeoutHello, nil)
		return false, true
	default:
		c.input.expired = true
		return true, false
	}
	return false, false
}

// silence is when the frontend's timeout for the client is over; zero where
// there is none.
func (c *connection) silence() time.Time {
	timeout := c.f.TimeoutClient
	if timeout <= 0 {
		return time.Time{}
	}
	if c.input.active.IsZero() {
		return c.accepted.Add(timeout)
	}
	return c.input.active.Add(timeout)
}

// left notes that the client has gone, or is taken to be, while rules waited. As
// in HAProxy's log, it may have been refused all the same, and if not, the
// backend is the one that it would have come to.
func (c *connection) left(end tcplog.End, err error) {
	c.noteHello()
	if by := c.refusedBy(); by != nil {
		c.noteRefused(by)
		return
	}
	if c.record.Backend == "" {
		if b, _, err := c.f.Router.Route(c.look(true)); err == nil && b != nil {
			c.record.Backend = b.Name()
		}
	}
	c.record.End, c.record.EndedBy = end, relay.Client
	if err != nil {
		c.record.Error = err.Error()
	}
}

// refusedBy returns the rule that refuses what there is, among those that have
// waited; nil where none does.
func (c *connection) refusedBy() *content.Rule {
	if c.deciding == nil {
		return nil
	}
	action, rule, err := c.deciding.Decide(c.look(true))
	if err != nil || action == content.Accept || action == content.Wait {
		return nil
	}
	return rule
}

// noteRefused notes for the log which of the rules being looked at has refused the
// connection.
func (c *connection) noteRefused(by *content.Rule) {
	kind := "content"
	switch c.deciding {
	case c.f.Connection:
		kind = "connection"
	case c.f.Session:
		kind = "session"
	case c.f.Content:
	default:
		kind = fmt.Sprintf("backend %q content", c.record.Backend)
	}
	c.record.End, c.record.EndedBy, c.record.Error = tcplog.Refused, relay.Proxy, by.Called(kind)
}

// verbOf is what is done with a connection that rules end.
var verbOf = map[content.Action]Verb{content.Reject: Reject, content.Close: Close, content.Reset: Reset, content.Drop: Drop}

// perform does what a rule has decided. False means that the connection is over.
func (c *connection) perform(a content.Action, by *content.Rule) bool {
	c.noteHello()
	if a == content.Accept {
		return true
	}
	c.noteRefused(by)
	c.turnAway(verbOf[a], alertAccessDenied)
	return false
}
