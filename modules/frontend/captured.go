// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// maxCaptured bounds the bytes that are kept of a faulty message.
const maxCaptured = 1024

// Captured is the last faulty message of a frontend's clients, or of a backend's servers: bytes
// that are not a valid ClientHello or PROXY header and were refused for that, or a first answer
// that is no TLS or a fatal alert. HAProxy keeps invalid HTTP in the same way, for show errors.
type Captured struct {
	At time.Time
	// Event numbers the faulty messages of the process, from 0.
	Event uint64

	Frontend string
	// Backend and Server are empty if the message is a client's.
	Backend, Server string
	ID              uint64 // the connection's, see Live
	Client          tcplog.Addr

	// Reason names the fault.
	Reason string
	// Position is the number of bytes that were read without fault.
	Position int
	// Bytes are the first bytes of the message, and Size is the number of all that had come.
	Bytes []byte
	Size  int
}

// IsAnswer reports whether the message is a server's.
func (c *Captured) IsAnswer() bool { return c.Backend != "" }

// capture holds the last faulty message of one frontend or backend.
type capture struct {
	mu   sync.Mutex
	last *Captured
}

// captures numbers the faulty messages.
var captures atomic.Uint64

// keep replaces the last message. It reuses its memory: attackers send nothing but faulty messages.
func (p *capture) keep(c *Captured, message []byte) {
	c.Event, c.Size = captures.Add(1)-1, len(message)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = new(Captured)
	}
	p.last.Bytes = append(p.last.Bytes[:0], message[:min(len(message), maxCaptured)]...)
	c.Bytes = p.last.Bytes
	*p.last = *c
}

// load returns a copy of the last message, or nil.
func (p *capture) load() *Captured {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		return nil
	}
	c := *p.last
	c.Bytes = bytes.Clone(c.Bytes)
	return &c
}

func (p *capture) clear() {
	p.mu.Lock()
	p.last = nil
	p.mu.Unlock()
}

// answerCaptures holds the captures of backends by name.
var answerCaptures = weakRegistry[capture]{keep: keptFrontends}

// AllCaptured returns the last faulty message of each frontend and backend, the oldest first.
func AllCaptured() (all []Captured) {
	for p := range eachCapture {
		if c := p.load(); c != nil {
			all = append(all, *c)
		}
	}
	slices.SortFunc(all, func(a, b Captured) int { return cmp.Compare(a.Event, b.Event) })
	return all
}

// ClearCaptured forgets the faulty messages, but not their number.
func ClearCaptured() {
	for p := range eachCapture {
		p.clear()
	}
}

// CountCaptured returns the number of faulty messages since the start of the process.
func CountCaptured() uint64 { return captures.Load() }

// eachCapture yields the captures of the process.
func eachCapture(yield func(*capture) bool) {
	for _, ends := range frontendEnds.all() {
		if !yield(&ends.captured) {
			return
		}
	}
	for _, p := range answerCaptures.all() {
		if !yield(p) {
			return
		}
	}
}

// capture keeps the bytes of a connection that is refused because of them.
func (c *connection) capture(e *ending) {
	if c.hello == nil {
		return
	}
	if e.end == tcplog.HeaderNotAllowed {
		c.captureBytes(e.err, 0, c.hello.Bytes())
	}
	if e.end != tcplog.Refused {
		return
	}
	switch c.hello.Outcome() {
	case clienthello.NotTLS, clienthello.SSLv2, clienthello.Malformed, clienthello.TooLarge:
		c.captureBytes(c.hello.Err(), c.hello.Parsed(), c.hello.Bytes())
	default:
	}
}

// captureBytes keeps faulty bytes of the client.
func (c *connection) captureBytes(why error, position int, message []byte) {
	f := Captured{At: time.Now(), Frontend: c.f.Name, ID: c.id, Client: c.record.Client, Position: position}
	if why != nil {
		f.Reason = why.Error()
	}
	c.f.ends.captured.keep(&f, message)
}

// captureAnswer keeps the first bytes of the session's server: a fatal alert, plus 1, or no TLS if
// that is 0.
func (s *session) captureAnswer(first []byte, alert byte) {
	_, packed := cutAccepted(s.packed.Bytes())
	f := Captured{At: time.Now(), Frontend: s.frontend, Backend: s.backend, Server: s.lease.Server.Name, ID: s.id}
	f.Client = tcplog.Unpack(string(packed)).Client
	if f.Reason = "not TLS"; alert != 0 {
		f.Reason = "TLS alert " + tcplog.AlertName(alert-1)
	}
	s.answers.keep(&f, first)
}
