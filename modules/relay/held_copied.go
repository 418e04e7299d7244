// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// heldConn is the server's connection of a session that is copied, with its first bytes held back.
type heldConn struct {
	net.Conn
	undecided *held // nil once the inspector has decided
	copied    *copied
	passed    []byte // bytes that the client may have now

	mu              sync.Mutex
	due             time.Time // when to decide; zero: never
	sessionDeadline time.Time // the read deadline that the session has set
}

// Read returns the bytes that the inspector has passed, then what the server sends.
func (c *heldConn) Read(b []byte) (int, error) {
	if c.undecided != nil {
		if err := c.await(); err != nil {
			return 0, err
		}
	}
	if len(c.passed) > 0 {
		n := copy(b, c.passed)
		c.passed = c.passed[n:]
		return n, nil
	}
	c.passed = nil
	return c.Conn.Read(b)
}

// await reads until the inspector has decided. After an error of the session's own, such as its
// deadline, the next Read goes on.
func (c *heldConn) await() error {
	h := c.undecided
	for final := false; ; {
		final = final || len(h.bytes) >= MaxHeld
		d := h.inspector.Inspect(h.bytes, final)
		switch {
		case d.Do == Refuse:
			return c.refuse(d)
		case d.Do == Pass || final:
			c.pass()
			return nil
		case !d.Until.IsZero():
			c.decideBy(d.Until)
		}
		var err error
		if final, err = c.readMore(); err != nil {
			c.decideIfStopped(h)
			return err
		}
	}
}

// decideIfStopped lets the inspector decide about a session whose client is gone.
func (c *heldConn) decideIfStopped(h *held) {
	if c.copied.server.readStopped.Load() && !c.copied.server.closed.Load() {
		c.undecided = nil
		h.inspector.Inspect(h.bytes, true)
	}
}

func (c *heldConn) decideBy(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = t
}

// readMore reads once from the server. It reports final once the server has finished or the time to
// decide has come.
func (c *heldConn) readMore() (final bool, err error) {
	c.mu.Lock()
	due := c.due
	err = c.Conn.SetReadDeadline(earlierDeadline(due, c.sessionDeadline))
	c.mu.Unlock()
	if err != nil {
		return false, err
	}
	var b [4096]byte
	n, err := c.Conn.Read(b[:min(len(b), MaxHeld-len(c.undecided.bytes))])
	c.undecided.bytes = append(c.undecided.bytes, b[:n]...)
	if n > 0 {
		c.copied.server.touch(time.Now())
		c.copied.noteAnswer(b[:n])
	}
	switch {
	case err == nil || n > 0: // an error comes again
		return false, nil
	case errors.Is(err, io.EOF):
		return true, nil
	case errors.Is(err, os.ErrDeadlineExceeded) && !due.IsZero() && !time.Now().Before(due):
		return true, nil
	default:
		return false, err
	}
}

// earlierDeadline returns the earlier of two deadlines; zero means none.
func earlierDeadline(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// pass lets the held bytes through.
func (c *heldConn) pass() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed, c.undecided = c.undecided.bytes, nil
	_ = c.Conn.SetReadDeadline(c.sessionDeadline)
}

// refuse ends the session.
func (c *heldConn) refuse(d Decision) error {
	if d.Reset {
		Abort(c.Conn)
	}
	c.copied.setCause(d.refusal())
	c.copied.close()
	return net.ErrClosed
}

// SetReadDeadline sets the session's deadline. The time to decide may come before it.
func (c *heldConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessionDeadline = t
	if c.undecided != nil {
		t = earlierDeadline(c.due, t)
	}
	return c.Conn.SetReadDeadline(t)
}

// CloseWrite closes the sending side towards the server.
func (c *heldConn) CloseWrite() error {
	w, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return c.Conn.Close()
	}
	return w.CloseWrite()
}

// SetLinger sets the behavior of Close, like that of net.TCPConn.
func (c *heldConn) SetLinger(sec int) error {
	l, ok := c.Conn.(interface{ SetLinger(sec int) error })
	if !ok {
		return errors.ErrUnsupported
	}
	return l.SetLinger(sec)
}
