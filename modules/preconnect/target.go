// SPDX-License-Identifier: Apache-2.0

package preconnect

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// Limits of the pause after a failed connect, which doubles with each further one, and of the life
// of connections to a server that closes them.
const (
	minPause = time.Second
	maxPause = 30 * time.Second
	minLife  = 500 * time.Millisecond
)

// target is a server with the connections that are ready.
type target struct {
	*Server

	mu         sync.Mutex
	ready      []connection // the oldest first
	connecting int
	pause      time.Duration // before the next connect; 0: none has failed
	pausesTill time.Time
	life       time.Duration // the age at which a connection is replaced, at most maxAge
	maxAge     time.Duration
	closed     bool
}

// connection is a ready connection.
type connection struct {
	net.Conn
	made, until time.Time
}

// take returns the newest connection that the server has not closed, or nil.
func (t *target) take() net.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for n := len(t.ready); n > 0; n = len(t.ready) {
		c := t.ready[n-1]
		t.ready[n-1] = connection{}
		t.ready = t.ready[:n-1]
		if now.Before(c.until) && relay.IsOpen(c.Conn) {
			return c.Conn
		}
		t.drop(c, now)
	}
	return nil
}

// drop closes a connection that is too old, or that the server has closed. If a server closes them
// early, they are replaced earlier from then on: else a client might get one just as the server
// closes it. That time grows again with each one that lasts.
func (t *target) drop(c connection, now time.Time) {
	_ = c.Close()
	if !now.Before(c.until) {
		t.life = min(t.life+t.life/4, t.maxAge)
		return
	}
	if t.life = max(now.Sub(c.made)*3/4, minLife); t.life == minLife {
		t.failed(now)
	}
}

// lack returns how many connections are to be made now, and counts them as begun.
func (t *target) lack(count int, now time.Time) int {
	if room := t.Room(); room >= 0 {
		count = min(count, room)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.ready) > count { // the server is down, or its clients need the room
		t.closeFirst()
	}
	n := count - len(t.ready) - t.connecting
	if n <= 0 || t.closed || now.Before(t.pausesTill) {
		return 0
	}
	if t.pause > 0 { // find out whether it works again
		n = 1
	}
	t.connecting += n
	return n
}

// connect makes a connection.
func (t *target) connect(done <-chan struct{}) {
	conn, err := t.Connect(done)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connecting--
	now := time.Now()
	switch {
	case err != nil:
		t.failed(now)
	case t.closed:
		_ = conn.Close()
	default:
		if t.life > minLife {
			t.pause = 0
		}
		life := t.life - time.Duration(rand.Int64N(1+int64(t.life)/8)) //nolint:gosec // they are not to be replaced all at once
		t.ready = append(t.ready, connection{conn, now, now.Add(life)})
	}
}

// failed begins a pause, unless connections that were made at the same time have begun it.
func (t *target) failed(now time.Time) {
	if now.Before(t.pausesTill) {
		return
	}
	t.pause = min(max(2*t.pause, minPause), maxPause)
	t.pausesTill = now.Add(t.pause)
}

// check drops the connections that are too old, and those that the server has closed.
func (t *target) check(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.ready[:0]
	for _, c := range t.ready {
		if now.Before(c.until) && relay.IsOpen(c.Conn) {
			kept = append(kept, c)
		} else {
			t.drop(c, now)
		}
	}
	clear(t.ready[len(kept):])
	t.ready = kept
}

func (t *target) closeFirst() {
	_ = t.ready[0].Close()
	copy(t.ready, t.ready[1:])
	t.ready[len(t.ready)-1] = connection{}
	t.ready = t.ready[:len(t.ready)-1]
}

// close closes all connections, and those that are made later.
func (t *target) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.ready {
		_ = c.Close()
	}
	t.ready, t.closed = nil, true
}
