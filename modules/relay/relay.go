// SPDX-License-Identifier: Apache-2.0

// Package relay moves bytes between a client and a server, both ways, until
// that ends, and says how it ended. Each direction closes on its own: what one
// side still has to say after the other has finished is delivered. A session
// can be watched while it runs and ended from outside. The pump of this package
// copies through buffers and works with any net.Conn; it takes one goroutine
// beside the caller's. The package knows no Caddy, no TLS and no load balancing.
package relay

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Side names who did something.
type Side uint8

// The sides.
const (
	Client Side = iota
	Server
	Proxy // the proxy itself, or whoever called End
)

func (s Side) String() string {
	return [...]string{"client", "server", "proxy"}[s]
}

// Cause is why a session ended.
type Cause uint8

// The causes.
const (
	Closed  Cause = iota // both directions were closed in order; By closed first
	Reset                // the connection to By broke: RST or another error
	Timeout              // By neither sent nor took anything for its timeout
	Ended                // End was called
	Failed               // an error of the proxy's own
)

func (c Cause) String() string {
	return [...]string{"closed", "reset", "timeout", "ended", "failed"}[c]
}

// Result is how a session ended.
type Result struct {
	By     Side
	Cause  Cause
	Reason string // what End was given
	Err    error  // the error behind Reset and Failed
	In     int64  // bytes from the client that the server's socket took
	Out    int64  // bytes from the server that the client's socket took
}

// Options of a session. The zero value means no timeouts.
type Options struct {
	// ClientTimeout is how long the client may neither send nor take anything.
	// Then its direction is closed as if it had finished; the server's goes on
	// until that ends too. It is HAProxy's timeout client.
	ClientTimeout time.Duration
	// ServerTimeout is the same for the server: HAProxy's timeout server.
	ServerTimeout time.Duration
	// Tunnel, if it is not zero, takes the place of both; below zero there is
	// none. It is HAProxy's timeout tunnel.
	Tunnel time.Duration
	// ClientFin, if it is not zero, takes the place of the client's timeout once
	// one of the two sides has finished, and counts from then; below zero there
	// is none. It is HAProxy's timeout client-fin.
	ClientFin time.Duration
	// ServerFin is the same for the server: HAProxy's timeout server-fin.
	ServerFin time.Duration
	// Answered, if there is one, is called once, when the server has sent something.
	Answered func()
}

// Session is one client and one server. It is made by New, begun by Run and
// over when Run returns.
type Session struct {
	client, server end

	mu     sync.Mutex
	result Result
	over   bool // somebody has noted a cause that is not Closed
	closed bool // one side has finished in order
}

// end is one side's connection.
type end struct {
	net.Conn
	side    Side
	timeout atomic.Int64  // in ns; 0: none
	fin     time.Duration // Options' own
	sent    atomic.Int64  // bytes received from it and written to the other side
	began   time.Time
	active  atomic.Int64 // when it last sent or took a byte, in ns since began
	done    atomic.Bool  // nothing more comes from it
	dying   atomic.Bool  // writing to it failed: what it has sent is still read
	shut    atomic.Bool  // closed by the session: errors mean nothing any more

	writeDue time.Time // the write deadline; its writer's
	first    func()    // called with the first bytes from it; its reader's
}

// New makes a session, which owns both connections from now on.
func New(client, server net.Conn, o Options) *Session {
	if o.Tunnel != 0 {
		o.ClientTimeout, o.ServerTimeout = o.Tunnel, o.Tunnel
	}
	s, now := new(Session), time.Now()
	s.client.Conn, s.client.side, s.client.fin, s.client.began = client, Client, o.ClientFin, now
	s.server.Conn, s.server.side, s.server.fin, s.server.began = server, Server, o.ServerFin, now
	s.server.first = o.Answered
	s.client.setTimeout(o.ClientTimeout)
	s.server.setTimeout(o.ServerTimeout)
	return s
}

// First writes to the server what was already read from the client. If that
// fails, Run says so. It is called before Run, and b is free afterwards.
func (s *Session) First(b []byte) {
	s.deliver(&s.client, &s.server, b)
}

// Run moves bytes until the session is over, closes both connections and says
// how it ended.
func (s *Session) Run() Result {
	s.client.watch()
	s.server.watch()
	done := make(chan struct{})
	go s.toClient(done)
	s.direction(&s.client, &s.server)
	<-done
	s.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.result
	r.In, r.Out = s.Counters()
	return r
}

// toClient is a named function so that stack dumps name the goroutine.
func (s *Session) toClient(done chan<- struct{}) {
	defer close(done)
	s.direction(&s.server, &s.client)
}

// Counters are the bytes moved so far from the client and from the server. It
// is safe for concurrent use.
func (s *Session) Counters() (in, out int64) {
	return s.client.sent.Load(), s.server.sent.Load()
}

// End ends the session at once; Run's result carries the reason. Only the first
// call counts, and only if the session has not ended otherwise. It is safe for
// concurrent use, before, during and after Run.
func (s *Session) End(reason string) {
	s.note(Result{By: Proxy, Cause: Ended, Reason: reason})
	s.close()
}

// note keeps the first cause, except that an orderly close gives way to what
// goes wrong after it.
func (s *Session) note(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
	case r.Cause != Closed:
		s.over, s.result = true, r
	case !s.closed:
		s.closed, s.result = true, r
	}
}

// close closes both connections. Where one of them was reset, the other is too:
// a FIN would tell its peer that all has been said.
func (s *Session) close() {
	s.mu.Lock()
	reset := s.over && s.result.Cause == Reset
	s.mu.Unlock()
	for _, e := range []*end{&s.client, &s.server} {
		if reset {
			abort(e.Conn)
		}
		e.shutdown()
	}
}

func (e *end) shutdown() {
	e.shut.Store(true)
	_ = e.Close()
}

// abort makes the next Close of c send RST.
func abort(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
}

// crashed turns a panic in a connection's own code into the session's end.
func (s *Session) crashed() {
	if p := recover(); p != nil {
		s.note(Result{By: Proxy, Cause: Failed, Err: fmt.Errorf("relay: panic: %v", p)})
		s.close()
	}
}

// broken notes that the connection to e broke, unless the session has closed it.
func (s *Session) broken(e *end, err error) {
	if !e.shut.Load() {
		s.note(Result{By: e.side, Cause: Reset, Err: err})
	}
}
