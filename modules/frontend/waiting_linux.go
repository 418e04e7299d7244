// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"bytes"
	"sync"
)

// passing is what a connection needs until it is a session, which most often takes less than a
// millisecond: one after the other uses it.
type passing struct {
	connection
	own claim
}

var passings = sync.Pool{New: func() any { return new(passing) }}

// waiting is what is kept of a connection while its client is waited for.
type waiting struct {
	input reading
	sent  []byte
}

// inspectedAgain is how much may be inspected again for each byte that comes: the work would
// grow with the square of what a client sends byte by byte.
const inspectedAgain = 4 << 10

// conn returns the connection, which there is while there is something to look at.
func (a *arrival) conn() *connection {
	if a.passing == nil {
		a.passing = passings.Get().(*passing)
		a.passing.begin(a.f, client{Conn: a.socket, accepted: epoch.Add(a.accepted), logger: a.f.ConnLogger})
		if w := a.waiting; w != nil {
			a.passing.input = w.input
			a.passing.hello.Feed(w.sent)
			a.waiting = nil
		}
	}
	return &a.passing.connection
}

// recycle lets another connection use what this one does not need any more.
func (a *arrival) recycle() {
	p := a.passing
	a.passing = nil
	if !p.isShown() {
		p.clear()
		p.own = claim{}
		passings.Put(p)
	}
}

// isShown reports whether matchers and templates of layer4 know the connection. They may have
// set variables, and may keep it.
func (c *connection) isShown() bool { return c.routed != nil || c.view != nil }

// decidedBy has the frontend whose configuration runs decide about the connection.
func (a *arrival) decidedBy() {
	if a.f == nil {
		a.f = a.place.decides()
		if a.passing != nil {
			a.passing.f = a.f
		}
	}
}

// waits keeps as little as there can be while the client is waited for, and nothing of the
// configuration. What the client has sent is inspected again with what comes next.
func (a *arrival) waits() {
	if a.passing != nil && a.passing.terms != nil { // it has been ended from outside on its way to a server
		return
	}
	a.f = nil
	switch p := a.passing; {
	case p == nil:
	case p.isShown() || len(p.hello.Bytes()) > inspectedAgain:
		p.f = nil
	default:
		a.waiting = &waiting{p.input, bytes.Clone(p.hello.Bytes())}
		p.forget()
		a.recycle()
	}
}
