// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"sync/atomic"
	"time"
)

// peer is one side's connection.
type peer struct {
	net.Conn
	side        Side
	timeout     atomic.Int64 // in ns; 0: none
	sent        atomic.Int64 // bytes received from it and written to the other side
	began       time.Time
	active      atomic.Int64 // when it last sent or accepted a byte, in ns since began
	readDone    atomic.Bool  // it has ended: no further read
	writeBroken atomic.Bool  // writing to it failed: bytes that it sent before are still read
	readStopped atomic.Bool  // writing to the other side failed: this one is no longer read from
	closed      atomic.Bool  // closed by the session: errors no longer matter

	writeDeadline time.Time // only its writer uses it
	answered      bool      // bytes have come from it; only its reader uses it
	gaveGrace     bool      // stallGrace, since bytes last came; only its reader uses it
}

// stopReading stops reading from a peer, because writing to the other one has failed.
func (p *peer) stopReading() {
	p.readStopped.Store(true)
	_ = p.SetReadDeadline(time.Now())
}

func (p *peer) touch(now time.Time) { p.active.Store(int64(now.Sub(p.began))) }

func (p *peer) limit() time.Duration { return time.Duration(p.timeout.Load()) }

func (p *peer) setTimeout(d time.Duration) { p.timeout.Store(int64(d)) }

// idleDeadline returns when p will have been silent for its timeout; zero if it has none. Like all
// times here it uses the monotonic clock: setting the system's clock ends no session.
func (p *peer) idleDeadline() time.Time {
	limit := p.limit()
	if limit == 0 {
		return time.Time{}
	}
	return p.began.Add(time.Duration(p.active.Load()) + limit)
}

// startReadDeadline sets the first read deadline. The deadline does not move with each byte: when
// it passes, expired looks for activity since.
func (p *peer) startReadDeadline() {
	if due := p.idleDeadline(); !due.IsZero() {
		_ = p.SetReadDeadline(due)
	}
}

// restoreReadDeadline sets the read deadline again that the other goroutine may have set just
// before, and that the caller has overwritten.
func (p *peer) restoreReadDeadline() {
	switch {
	case p.readStopped.Load():
		_ = p.SetReadDeadline(time.Now())
	case p.writeBroken.Load():
		_ = p.SetReadDeadline(time.Now().Add(readAfterBreak))
	}
}

// expired reports whether a read deadline that has passed is final. If not, it sets the next one.
func (p *peer) expired() bool {
	for {
		due := p.idleDeadline()
		if p.writeBroken.Load() || !due.IsZero() && !due.After(time.Now()) {
			return true
		}
		_ = p.SetReadDeadline(due)
		p.restoreReadDeadline()
		if now := p.idleDeadline(); now.IsZero() == due.IsZero() && !now.Before(due) {
			return false
		}
		// The timeout, and so the deadline, has changed meanwhile.
	}
}

// stallGrace is the time that a side gets to show that it was not silent if its deadline is noticed
// later than that: this process may not have run.
const stallGrace = 50 * time.Millisecond

// longOverdue reports whether the idle deadline of p passed more than stallGrace ago.
func (p *peer) longOverdue() bool {
	return !p.writeBroken.Load() && time.Since(p.idleDeadline()) > stallGrace
}

// writeTimeout returns how long p may accept none of the bytes for it; 0: without limit, unless the
// other side is gone.
func (p *peer) writeTimeout(from *peer) time.Duration {
	if limit := p.limit(); limit != 0 || !from.writeBroken.Load() {
		return limit
	}
	return lingerTimeout
}

// setWriteDeadline sets the deadline of a write that began at the given time. It keeps the deadline
// of an earlier write if that leaves this one between half and all of its timeout.
func (p *peer) setWriteDeadline(began time.Time, from *peer) {
	limit := p.writeTimeout(from)
	if limit == 0 {
		if !p.writeDeadline.IsZero() { // there was a timeout before
			p.writeDeadline = time.Time{}
			_ = p.SetWriteDeadline(p.writeDeadline)
		}
		return
	}
	if left := p.writeDeadline.Sub(began); left <= limit/2 || left > limit || !p.writeDeadline.After(time.Now()) {
		p.writeDeadline = began.Add(limit)
		_ = p.SetWriteDeadline(p.writeDeadline)
	}
}

func (p *peer) shutdown() {
	if !p.closed.Swap(true) {
		_ = p.Close()
	}
}
