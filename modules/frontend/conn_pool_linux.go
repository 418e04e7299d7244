// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"bytes"
	"sync"
)

// pooledConn is what a connection needs until it is a session, which most often takes less than a
// millisecond: one after the other uses it.
type pooledConn struct {
	connection
	claimStorage claim
}

var connPool = sync.Pool{New: func() any { return new(pooledConn) }}

// keptInput is what is kept of a connection while its client is waited for.
type keptInput struct {
	input inputState
	sent  []byte
}

// inspectedAgain is how much may be inspected again for each byte that comes: the work would
// grow with the square of what a client sends byte by byte.
const maxReinspected = 4 << 10

// conn returns the connection, which there is while there is something to look at.
func (a *shardConn) conn() *connection {
	if a.pooled == nil {
		a.pooled = connPool.Get().(*pooledConn)
		a.pooled.begin(a.f, client{Conn: a.socket, accepted: epoch.Add(a.accepted), logger: a.f.ConnLogger})
		if w := a.kept; w != nil {
			a.pooled.input = w.input
			a.pooled.hello.Feed(w.sent)
			a.kept = nil
		}
	}
	return &a.pooled.connection
}

// recycle lets another connection use what this one does not need any more.
func (a *shardConn) recycle() {
	p := a.pooled
	a.pooled = nil
	if !p.isShown() {
		p.clear()
		p.claimStorage = claim{}
		connPool.Put(p)
	}
}

// isShown reports whether matchers and templates of layer4 know the connection. They may have
// set variables, and may keep it.
func (c *connection) isShown() bool { return c.routed != nil || c.matchersConn != nil }

// useActiveFrontend has the frontend whose configuration runs decide about the connection.
func (a *shardConn) useActiveFrontend() {
	if a.f == nil {
		a.f = a.active.current()
		if a.pooled != nil {
			a.pooled.f = a.f
		}
	}
}

// releaseBuffers keeps as little as there can be while the client is waited for, and nothing of the
// configuration. What the client has sent is inspected again with what comes next.
func (a *shardConn) releaseBuffers() {
	if a.pooled != nil && a.pooled.shared != nil { // it has been ended from outside on its way to a server
		return
	}
	a.f = nil
	switch p := a.pooled; {
	case p == nil:
	case p.isShown() || len(p.hello.Bytes()) > maxReinspected:
		p.f = nil
	default:
		a.kept = &keptInput{p.input, bytes.Clone(p.hello.Bytes())}
		p.forget()
		a.recycle()
	}
}
