// SPDX-License-Identifier: Apache-2.0

package pool

// Outcome is what became of a lease.
type Outcome uint8

// The outcomes of a lease.
const (
	// Served: the connection was made; how it ended later is not the pool's.
	Served Outcome = iota
	// ConnectFailed: the server could not be reached.
	ConnectFailed
	// NotTried: there was no attempt to reach the server, so nothing was
	// learned about it.
	NotTried
)

// Lease is one connection's hold on a server, and on one of its slots where it
// has MaxConn.
type Lease struct {
	Server *Server

	state    *state
	released bool
}

// Failed notes that the server could not be reached, and keeps it for another
// attempt. It must not be called after Release.
func (l *Lease) Failed() { l.state.failed.Add(1) }

// Release gives the server back, and what it had goes to who has waited longest.
// Only the first call counts. It is safe for concurrent use.
func (l *Lease) Release(o Outcome) {
	b := l.state.backend
	b.mu.Lock()
	if l.released {
		b.mu.Unlock()
		return
	}
	l.released = true
	if o == ConnectFailed {
		l.state.failed.Add(1)
	}
	b.drop(l)
	b.unlock()
}
