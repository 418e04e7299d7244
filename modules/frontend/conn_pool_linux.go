// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"bytes"
	"sync"
)

// pooledConn is the state of a connection before it is a session. That phase mostly takes less
// than a millisecond, so the memory is reused.
type pooledConn struct {
	connection
	claimStorage claim
}

var connPool = sync.Pool{New: func() any { return new(pooledConn) }}

// keptInput keeps the input of a pooledConn while the client is waited for.
type keptInput struct {
	input   inputState
	sent    []byte
	tracked *tracked
}

// maxReinspected bounds the bytes that are inspected again whenever more arrive. Without it, the
// work for a client that sends byte by byte would grow with the square of the bytes.
const maxReinspected = 4 << 10

// conn returns the connection, and takes one from the pool if need be.
func (a *shardConn) conn() *connection {
	if a.pooled == nil {
		a.pooled = connPool.Get().(*pooledConn)
		a.pooled.begin(a.f, client{Conn: a.socket, accepted: epoch.Add(a.accepted), logger: a.f.ConnLogger, entry: a.entry, passTo: a.entry.Next, header: a.header})
		if a.number == 0 {
			a.number = a.f.nextNumber()
		}
		a.pooled.record.Number, a.pooled.id = a.number, a.session.id
		if w := a.kept; w != nil {
			a.pooled.input = w.input
			a.pooled.hello.Feed(w.sent)
			a.pooled.tracked = w.tracked
			a.kept = nil
		}
	}
	return &a.pooled.connection
}

// recycle returns the pooledConn to the pool, unless code of layer4 may still refer to it.
func (a *shardConn) recycle() {
	p := a.pooled
	a.pooled = nil
	if !p.isShown() {
		p.clear()
		p.claimStorage = claim{}
		connPool.Put(p)
	}
}

// isShown reports whether matchers and templates of layer4 have seen the connection. They may have
// set variables and may still refer to it.
func (c *connection) isShown() bool { return c.routed != nil || c.matchersConn != nil }

// useActiveFrontend sets the frontend to the one whose configuration runs.
func (a *shardConn) useActiveFrontend() {
	if a.f == nil {
		a.f = a.active.current()
		if a.pooled != nil {
			a.pooled.f = a.f
		}
	}
}

// releaseBuffers keeps as little memory as possible while the client is waited for, and no
// reference to the configuration. Bytes that the client has sent are inspected again with the next
// ones.
func (a *shardConn) releaseBuffers() {
	if a.pooled != nil && a.pooled.shared != nil { // it was ended on its way to a server
		return
	}
	a.f = nil
	switch p := a.pooled; {
	case p == nil:
	case p.isShown() || len(p.hello.Bytes()) > maxReinspected:
		p.f = nil
	default:
		a.kept = &keptInput{p.input, bytes.Clone(p.hello.Bytes()), p.tracked}
		p.input.kept = 0 // a.kept has it
		p.forget()
		a.recycle()
	}
}
