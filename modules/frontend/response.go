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

// filteredResponse is a server's connection whose first bytes are held until the backend's
// rules have let them pass. What the client sends goes on meanwhile. Its bytes are
// not the socket's, so the session is copied and not spliced.
type filteredResponse struct {
	net.Conn
	undecided *connection // nil once the rules have decided
	session   *session
	held      []byte

	mu              sync.Mutex
	rulesDeadline   time.Time // when the rules must decide; zero: they have not waited yet
	sessionDeadline time.Time // the session's deadline for reading
}

// filterResponse puts the rules for the response, if there are any, between the server and the
// session.
func (c *connection) filterResponse(k *claim) net.Conn {
	if c.backend == nil || c.backend.Response == nil || len(c.backend.Response.Rules) == 0 {
		return k.conn
	}
	return &filteredResponse{Conn: k.conn, undecided: c, session: k.session}
}

// Socket is the connection itself; see relay.Session.Start.
func (r *filteredResponse) Socket() net.Conn { return r.Conn }

// Read returns what the rules have let pass, and then what the server sends.
func (r *filteredResponse) Read(b []byte) (int, error) {
	if r.undecided != nil {
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
func (r *filteredResponse) inspect() error {
	ruleset := r.undecided.backend.Response
	for final := ruleset.InspectDelay == 0; ; {
		v := r.undecided.rulesView(final || len(r.held) >= fullBuffer)
		v.Response = r.held
		action, rule, err := ruleset.Decide(v)
		switch {
		case err != nil:
			return err
		case action == rules.Accept:
			r.pass()
			return nil
		case action != rules.Wait:
			return r.refuse(rule)
		case r.rulesDeadline.IsZero():
			r.startDelay(time.Duration(ruleset.InspectDelay))
		}
		if final, err = r.readMore(); err != nil {
			return err
		}
	}
}

// startDelay sets the deadline of rules that wait for the server.
func (r *filteredResponse) startDelay(delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rulesDeadline = time.Now().Add(delay)
}

// readMore reads once from the server. It reports final once the server has finished or the
// delay is over.
func (r *filteredResponse) readMore() (final bool, err error) {
	r.mu.Lock()
	err = r.Conn.SetReadDeadline(earlierDeadline(r.rulesDeadline, r.sessionDeadline))
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
	case errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(r.rulesDeadline):
		return true, nil
	default:
		return false, err
	}
}

// earlierDeadline returns the earlier one of two deadlines, of which the second may be none.
func earlierDeadline(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// pass leaves the connection to the session, and lets go of the configuration.
func (r *filteredResponse) pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.undecided = nil
	_ = r.Conn.SetReadDeadline(r.sessionDeadline)
}

// refuse ends the session: nothing of the response reaches the client.
func (r *filteredResponse) refuse(by *rules.Rule) error {
	if by.Action == "reset" {
		relay.Abort(r.Conn)
	}
	r.session.refuse(by.Called("response"))
	return net.ErrClosed
}

// SetReadDeadline keeps the session's deadline while that of the rules counts.
func (r *filteredResponse) SetReadDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessionDeadline = t
	if r.undecided != nil && !r.rulesDeadline.IsZero() {
		t = earlierDeadline(r.rulesDeadline, t)
	}
	return r.Conn.SetReadDeadline(t)
}

// CloseWrite closes the direction to the server.
func (r *filteredResponse) CloseWrite() error {
	w, ok := r.Conn.(interface{ CloseWrite() error })
	if !ok {
		return r.Conn.Close()
	}
	return w.CloseWrite()
}

// SetLinger is as of a net.TCPConn.
func (r *filteredResponse) SetLinger(sec int) error {
	l, ok := r.Conn.(interface{ SetLinger(sec int) error })
	if !ok {
		return errors.ErrUnsupported
	}
	return l.SetLinger(sec)
}
