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

// filteredResponse is a server's connection whose first bytes are held back until the backend's
// rules allow them. Bytes from the client are relayed meanwhile. A session with such a connection
// is copied, not spliced, since held bytes are no longer in the socket.
type filteredResponse struct {
	net.Conn
	undecided *connection // the client's connection; nil once the rules have decided
	session   *session
	held      []byte

	mu              sync.Mutex
	rulesDeadline   time.Time // zero until the rules wait
	sessionDeadline time.Time // the read deadline that the session has set
}

// filterResponse returns the server's connection for the session, with the backend's rules for the
// response in front, if it has any.
func (c *connection) filterResponse(k *claim) net.Conn {
	if c.backend == nil || c.backend.Response == nil || len(c.backend.Response.Rules) == 0 {
		return k.conn
	}
	return &filteredResponse{Conn: k.conn, undecided: c, session: k.session}
}

// Socket returns the server's connection; see relay.Session.Start.
func (r *filteredResponse) Socket() net.Conn { return r.Conn }

// Read returns the bytes that the rules have allowed, then what the server sends.
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

// inspect reads until the rules have decided. After an error of the session's own, such as its
// deadline, the next Read goes on.
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

// readMore reads once from the server. It reports final once the server has finished or the delay
// is over.
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

// earlierDeadline returns the earlier of two deadlines; b may be zero.
func earlierDeadline(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// pass lets the held bytes through and drops the reference to the configuration.
func (r *filteredResponse) pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.undecided = nil
	_ = r.Conn.SetReadDeadline(r.sessionDeadline)
}

// refuse ends the session. No byte of the response reaches the client.
func (r *filteredResponse) refuse(by *rules.Rule) error {
	if by.Action == "reset" {
		relay.Abort(r.Conn)
	}
	r.session.refuse(by.Called("response"))
	return net.ErrClosed
}

// SetReadDeadline sets the session's deadline, which takes effect once the rules have decided.
func (r *filteredResponse) SetReadDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessionDeadline = t
	if r.undecided != nil && !r.rulesDeadline.IsZero() {
		t = earlierDeadline(r.rulesDeadline, t)
	}
	return r.Conn.SetReadDeadline(t)
}

// CloseWrite closes the sending side towards the server.
func (r *filteredResponse) CloseWrite() error {
	w, ok := r.Conn.(interface{ CloseWrite() error })
	if !ok {
		return r.Conn.Close()
	}
	return w.CloseWrite()
}

// SetLinger sets the behavior of Close, like that of net.TCPConn.
func (r *filteredResponse) SetLinger(sec int) error {
	l, ok := r.Conn.(interface{ SetLinger(sec int) error })
	if !ok {
		return errors.ErrUnsupported
	}
	return l.SetLinger(sec)
}
