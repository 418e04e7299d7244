// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// response is a server's connection whose first bytes are held until the backend's
// rules have let them pass. What the client sends goes on meanwhile. Its bytes are
// not the socket's, so the session is copied and not spliced.
type response struct {
	net.Conn
	c    *connection // nil once the rules have decided
	s    *session
	held []byte

	mu    sync.Mutex
	limit time.Time // when the rules must decide; zero: they have not waited yet
	due   time.Time // the session's deadline for reading
}

// hold puts the rules for the response, if there are any, between the server and the
// session.
func (c *connection) hold(k *claim) net.Conn {
	if c.backend == nil || c.backend.Response == nil || len(c.backend.Response.Rules) == 0 {
		return k.conn
	}
	return &response{Conn: k.conn, c: c, s: k.session}
}

// Socket is the connection itself; see relay.Session.Start.
func (r *response) Socket() net.Conn { return r.Conn }

// Read returns what the rules have let pass, and then what the server sends.
func (r *response) Read(b []byte) (int, error) {
	if r.c != nil {
		if err := r.inspect(); err != nil {
			return 0, err
		}
	}
	if len(r.held) > 0 {
		n := copy(b, r.held)
		r.held = r.held[n:]
		return n, nil
	}
	r.held = nil
	return r.Conn.Read(b)
}

// inspect reads until the rules have decided. An error that is the session's own, such
// as its deadline, leaves that to the next call.
func (r *response) inspect() error {
	ruleset := r.c.backend.Response
	for final := ruleset.InspectDelay == 0; ; {
		v := r.c.look(final || len(r.held) >= fullBuffer)
		v.Response = r.held
		action, rule, err := ruleset.Decide(v)
		switch {
		case err != nil:
			return err
		case action == rules.Accept:
			r.decided()
			return nil
		case action != rules.Wait:
			return r.refuse(rule)
		case r.limit.IsZero():
			r.wait(time.Duration(ruleset.InspectDelay))
		}
		if final, err = r.more(); err != nil {
			return err
		}
	}
}

// wait notes that the rules wait for the server.
func (r *response) wait(delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = time.Now().Add(delay)
}

// more reads what there is next. It is final that the server has finished, or that the
// delay is over.
func (r *response) more() (final bool, err error) {
	r.mu.Lock()
	err = r.Conn.SetReadDeadline(earlier(r.limit, r.due))
	r.mu.Unlock()
	if err != nil {
		return false, err
	}
	var b [4096]byte
	n, err := r.Conn.Read(b[:])
	r.held = append(r.held, b[:n]...)
	switch {
	case err == nil || n > 0: // an error comes again
		return false, nil
	case errors.Is(err, io.EOF):
		return true, nil
	case errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(r.limit):
		return true, nil
	default:
		return false, err
	}
}

// earlier returns the earlier one of two deadlines, of which the second may be none.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// decided leaves the connection to the session, and lets go of the configuration.
func (r *response) decided() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.c = nil
	_ = r.Conn.SetReadDeadline(r.due)
}

// refuse ends the session: nothing of the response reaches the client.
func (r *response) refuse(by *rules.Rule) error {
	if by.Action == "reset" {
		relay.Abort(r.Conn)
	}
	r.s.refuse(by.Called("response"))
	return net.ErrClosed
}

// SetReadDeadline keeps the session's deadline while that of the rules counts.
func (r *response) SetReadDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due = t
	if r.c != nil && !r.limit.IsZero() {
		t = earlier(r.limit, t)
	}
	return r.Conn.SetReadDeadline(t)
}

// CloseWrite closes the direction to the server.
func (r *response) CloseWrite() error {
	w, ok := r.Conn.(interface{ CloseWrite() error })
	if !ok {
		return r.Conn.Close()
	}
	return w.CloseWrite()
}

// SetLinger is as of a net.TCPConn.
func (r *response) SetLinger(sec int) error {
	l, ok := r.Conn.(interface{ SetLinger(sec int) error })
	if !ok {
		return errors.ErrUnsupported
	}
	return l.SetLinger(sec)
}
