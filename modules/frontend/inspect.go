// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4rate"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// fullBuffer bounds the bytes that rules see if they are not a ClientHello. It is the room in
// HAProxy's buffer (tune.bufsize less tune.maxrewrite). A hello may have max_hello.
const fullBuffer = 16384 - 1024

// inputState records the progress of reading the client's bytes for rules.
type inputState struct {
	read           bool           // a read has been tried
	counted        l4rate.Counted // the answers of rate matchers
	kept           int            // bytes of an unfinished hello that are counted: see keepHello
	delayExpired   bool           // the delay of some rules is over
	clientFinished bool           // the client has closed its sending side
	priority       rules.Priority
	resume         int           // rules.View.Resume
	resumeOf       int64         // the generation of the frontend whose rules these are
	lastReceived   time.Time     // when the client last sent something; zero: never
	delay          time.Duration // of the rules that wait
	delayEnds      time.Time     // when the delay of waiting rules is over; zero: no rules wait
}

// inspect waits for the bytes that routes look at: a hello or, with content, whatever its rules
// need.
func (c *connection) inspect() *ending {
	if c.f.Content == nil {
		outcome, end := c.awaitHello()
		if end != nil {
			return end
		}
		return c.inspected(outcome)
	}
	c.takeReadAhead()
	if end := c.applyRules(c.f.Content, true); end != nil {
		return end
	}
	if c.f.Router.needsRequest() {
		return c.readOnce(nil)
	}
	return nil
}

// inspected records the outcome of waiting for a hello. Only a client that has left ends here;
// route decides about bytes that are not a hello.
func (c *connection) inspected(outcome clienthello.Outcome) *ending {
	c.input.read, c.record.Uninspected = true, false
	c.record.Outcome, c.record.HelloWait = outcome, time.Since(c.accepted)
	if outcome == clienthello.ClientLeft {
		return &ending{end: tcplog.ClientLeft, by: relay.Client}
	}
	return nil
}

// awaitHello reads until the inspection has an outcome, the delay is over or the client has left.
func (c *connection) awaitHello() (clienthello.Outcome, *ending) {
	deadline := c.accepted.Add(c.f.inspectDelay())
	if err := c.SetReadDeadline(deadline); err != nil {
		return c.hello.Leave(), nil
	}
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	for c.hello.Outcome() == clienthello.Pending || c.mayBeRefused() {
		n, err := c.Read(c.hello.Space())
		c.hello.Commit(n)
		switch {
		case n > 0 || err == nil: // an error comes again
			if c.hello.Outcome() == clienthello.Pending && !c.keepHello(len(c.hello.Bytes())) {
				return 0, c.overLimit(limits.UnfinishedHellos)
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			return c.hello.Expire(), nil
		default:
			return c.hello.Leave(), nil
		}
	}
	c.takeReadAhead()
	return c.hello.Outcome(), nil
}

// takeReadAhead adds what matchers of the route have read, which the server must get, too.
func (c *connection) takeReadAhead() {
	for rest := c.readAhead(); len(rest) > 0; rest = c.readAhead() {
		p := make([]byte, len(rest))
		n, _ := c.Read(p)
		c.hello.Feed(p[:n])
		c.matchersConn = nil // it holds less
	}
}

// noteHello records the outcome of the inspection.
func (c *connection) noteHello() {
	switch c.record.Outcome = c.hello.Outcome(); {
	case c.record.Outcome != clienthello.Pending:
	case c.input.clientFinished:
		c.record.Outcome = clienthello.ClientLeft
	case c.input.delayExpired:
		c.record.Outcome = clienthello.Timeout
	}
	c.record.Uninspected = !c.input.read
	if hello := c.hello.Hello(); hello != nil && c.record.Version == 0 {
		c.record.SetHello(hello)
		if !c.isTrial() {
			c.f.countHello(hello)
		}
		c.record.HelloSize = hello.Len()
		c.noteFingerprints()
	}
	c.record.HelloWait = time.Since(c.accepted)
}

// sawAll reports whether rules have seen as much as they ever will.
func (c *connection) sawAll() bool {
	return c.hello.Outcome() != clienthello.Pending && len(c.hello.Bytes()) >= fullBuffer
}

// readBuffer returns the buffer for the next read. It is no larger than rules may see, once it is
// known whether the bytes are a hello.
func (c *connection) readBuffer() []byte {
	space := c.hello.Space()
	if c.hello.Outcome() == clienthello.Pending {
		return space
	}
	return space[:min(len(space), max(1, fullBuffer-len(c.hello.Bytes())))]
}

// commitRead adds n bytes that were read into readBuffer.
func (c *connection) commitRead(n int) {
	if n <= 0 {
		return
	}
	c.hello.Commit(n)
	c.input.lastReceived = time.Now()
	c.matchersConn = nil // it holds less
}

// readOnce reads what the client has sent so far, without blocking. It does so once for a
// connection. The ruleset is the one that asked for it, if one did.
func (c *connection) readOnce(ruleset *rules.Config) *ending {
	if c.input.read {
		return nil
	}
	c.input.read = true
	if c.watch != nil { // the watch may be blocked in a read of the socket
		c.watch.stop()
	}
	for !c.sawAll() {
		room := c.readBuffer()
		n, err := relay.ReadNow(c.Conn, room)
		c.commitRead(n)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded): // nothing has come
			return nil
		case errors.Is(err, io.EOF):
			c.input.clientFinished = true
			return nil
		case err != nil:
			return c.clientLeft(ruleset, tcplog.ClientLeft, err)
		case n < len(room):
			return nil
		}
	}
	return nil
}

// waitDeadline returns until when rules wait for more from the client, and whether that is the
// client's timeout and not the rules' delay.
func (c *connection) waitDeadline() (deadline time.Time, silent bool) {
	ends := c.input.delayEnds.Add(shortDelay(c.input.delay) - c.input.delay)
	if quiet := c.idleDeadline(); !quiet.IsZero() && quiet.Before(ends) {
		return quiet, true
	}
	return ends, false
}

// readMore reads once for rules that wait. It reports whether the delay is over; the client's
// timeout ends the connection.
func (c *connection) readMore(ruleset *rules.Config) (expired bool, end *ending) {
	deadline, silent := c.waitDeadline()
	if err := c.SetReadDeadline(deadline); err != nil {
		return false, c.clientLeft(ruleset, tcplog.ClientLeft, err)
	}
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	n, err := c.Read(c.readBuffer())
	c.commitRead(n)
	switch {
	case err == nil || n > 0: // an error comes again
		if !c.keepHello(len(c.hello.Bytes())) {
			return false, c.overLimit(limits.UnfinishedHellos)
		}
	case errors.Is(err, io.EOF):
		c.input.clientFinished = true
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return false, c.clientLeft(ruleset, tcplog.ClientLeft, err)
	case silent:
		return false, c.clientLeft(ruleset, tcplog.ClientTimeoutHello, nil)
	default:
		c.input.delayExpired = true
		return true, nil
	}
	return false, nil
}

// idleDeadline returns when the frontend's timeout for the client is over; zero if it has none.
func (c *connection) idleDeadline() time.Time {
	timeout := c.f.TimeoutClient
	if timeout <= 0 {
		return time.Time{}
	}
	if c.input.lastReceived.IsZero() {
		return c.accepted.Add(timeout)
	}
	return c.input.lastReceived.Add(timeout)
}
