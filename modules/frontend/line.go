// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sync"
	"sync/atomic"
)

// line is a queue of connections that wait for a place, in the order in which they joined it. The
// zero value is empty.
type line struct {
	length atomic.Int64

	mu    sync.Mutex
	turns []chan struct{} // the first one is closed
}

// join returns a channel that is closed when it is the caller's turn, which must call leave after
// that. It does not block.
func (l *line) join() (turn <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := make(chan struct{})
	if l.turns = append(l.turns, last); len(l.turns) == 1 {
		close(last)
	}
	l.length.Store(int64(len(l.turns)))
	return last
}

// leave ends the turn of the first one, and begins that of the next.
func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turns = l.turns[1:]; len(l.turns) > 0 {
		close(l.turns[0])
	}
	l.length.Store(int64(len(l.turns)))
}
