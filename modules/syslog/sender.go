// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Dialer connects to a target.
type Dialer struct {
	Dial   func(ctx context.Context) (io.WriteCloser, error)
	Stream bool // messages need framing
}

const (
	// batchPause is the pause between two batches, so that many messages take one call on a stream.
	batchPause = 2 * time.Millisecond

	minRedial   = 100 * time.Millisecond
	maxRedial   = 5 * time.Second
	dialTimeout = 5 * time.Second

	failedEvery = time.Minute // between two calls of Options.Failed

	// maxWrite bounds what one call writes to a stream.
	maxWrite = 64 << 10
)

// send sends batches until the target is closed and empty, or ctx ends. It is the sender.
func (t *Target) send(ctx context.Context) {
	defer close(t.done)
	c := connection{t: t, ctx: ctx}
	defer c.close()
	for {
		b, over := t.take()
		switch {
		case b != nil:
			t.sent(b, c.sendAll(b))
			c.wait(batchPause)
		case over:
			return
		default:
			select {
			case <-t.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

// connection is the sender's connection to its target.
type connection struct {
	t       *Target
	ctx     context.Context
	conn    io.WriteCloser // nil: not connected
	unwatch func() bool    // of the end of ctx
	redial  time.Duration
	said    time.Time // of the last call of Options.Failed
}

// failed reports that the target cannot be reached, if it is time.
func (c *connection) failed(err error) {
	if now := time.Now(); c.t.o.Failed != nil && now.Sub(c.said) >= failedEvery && c.ctx.Err() == nil {
		c.said = now
		c.t.o.Failed(err)
	}
}

func (c *connection) close() {
	if c.conn == nil {
		return
	}
	c.unwatch()
	_ = c.conn.Close()
	c.conn = nil
}

// wait waits for a time, or until the sender must end.
func (c *connection) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.ctx.Done():
	}
}

// connect connects again and again until it succeeds. It returns false if the sender must end.
func (c *connection) connect() bool {
	for c.conn == nil && c.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(c.ctx, dialTimeout)
		conn, err := c.t.dial.Dial(ctx)
		cancel()
		if err != nil {
			c.failed(err)
			c.pause()
			continue
		}
		c.conn = conn
		c.unwatch = context.AfterFunc(c.ctx, func() { _ = conn.Close() }) // ends a write that waits
		if stream, ok := conn.(net.Conn); ok && c.t.dial.Stream {
			go closeWithPeer(stream)
		}
	}
	return c.conn != nil
}

// closeWithPeer closes a connection when its peer does: without it the next message would be
// written to a connection that nothing reads any more.
func closeWithPeer(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// sendAll sends a batch and returns the number of messages that were sent.
func (c *connection) sendAll(b *batch) (sent int) {
	for at := 0; at < len(b.ends) && c.connect(); {
		n, err := c.write(b, at)
		at, sent = at+n, sent+n
		switch {
		case err == nil:
			c.redial = 0
		case errors.Is(err, syscall.EMSGSIZE): // no try will help
			at++
		case errors.Is(err, syscall.ECONNREFUSED) && !c.t.dial.Stream && c.redial == 0:
			c.redial = minRedial // an earlier datagram was refused, and this one has not been sent
			c.failed(err)
		default:
			if !errors.Is(err, net.ErrClosed) { // by closeWithPeer: whether the peer is back will be seen
				c.failed(err)
			}
			c.close()
			c.pause()
		}
	}
	return sent
}

// pause waits before the next try to connect.
func (c *connection) pause() {
	c.redial = min(max(2*c.redial, minRedial), maxRedial)
	c.wait(c.redial)
}

// write writes messages from the i-th on, and returns the number of those that were written whole.
func (c *connection) write(b *batch, i int) (whole int, err error) {
	if !c.t.dial.Stream {
		if _, err := c.conn.Write(b.message(i)); err != nil {
			return 0, err
		}
		return 1, nil
	}
	n, err := c.conn.Write(b.upTo(i, maxWrite))
	return b.after(i, n), err
}
