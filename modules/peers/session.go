// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// session is a connection with a peer after the handshake. Its reader learns what the peer sends,
// and leaves answers to the writer.
type session struct {
	peer       *remote
	conn       net.Conn
	in         *bufio.Reader
	outbound   bool
	downgraded bool // the peer speaks version 2.0
	since      time.Time
	closed     chan struct{} // closed when it begins to end
	done       chan struct{} // closed when it has ended
	wake       chan struct{} // of the writer

	mu          sync.Mutex
	todo        todo
	ending      sync.Once
	established atomic.Bool
	err         error // why it ended

	// Of the reader.
	names   receivedNames
	defined map[uint64]*incoming // by the peer's numbers
	current *incoming            // nil: updates are ignored
	update  update

	// Of the writer.
	out      []byte
	entry    []byte
	sent     sentNames
	switched *shared       // the table of the last definition
	config   tables.Config // by which it was defined
	isNext   bool          // an update has followed it
}

// todo is the work that the reader leaves to the writer.
type todo struct {
	request  bool // ask for all entries
	teach    bool // send all entries
	confirms int
	acks     map[*incoming]uint32 // IDs of updates
	acked    map[*shared]uint32   // IDs that the peer has acknowledged
}

func newSession(p *remote, conn net.Conn, in *bufio.Reader) *session {
	return &session{
		peer: p, conn: conn, in: in, since: time.Now(),
		closed: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1),
		defined: make(map[uint64]*incoming),
	}
}

// run exchanges messages until the connection ends.
func (s *session) run() error {
	defer close(s.done)
	_ = s.conn.SetDeadline(time.Time{})
	var writer sync.WaitGroup
	writer.Go(func() { s.end(s.write()) })
	s.peer.group.established(s)
	s.end(s.read())
	writer.Wait()
	s.peer.group.ended(s)
	for _, t := range s.peer.shared {
		t.giveBack()
	}
	return s.err
}

// end closes the connection, for the first of several reasons.
func (s *session) end(err error) {
	s.ending.Do(func() {
		s.err = err
		close(s.closed)
		_ = s.conn.Close()
	})
}

// poke wakes the writer.
func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// leave leaves something to the writer.
func (s *session) leave(change func(*todo)) {
	s.mu.Lock()
	change(&s.todo)
	s.mu.Unlock()
	s.poke()
}

// take returns the work, and removes it.
func (s *session) take() todo {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.todo
	s.todo = todo{}
	return t
}

// ask asks the peer for all entries.
func (s *session) ask() { s.leave(func(t *todo) { t.request = true }) }
