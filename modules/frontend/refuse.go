// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// TLS alert descriptions (RFC 8446 6.2, RFC 6066 3).
const (
	alertAccessDenied     = 49
	alertDecodeError      = 50
	alertInternalError    = 80
	alertUnrecognizedName = 112
)

// alerts are what reject says to a client that spoke TLS; to others, and where
// the hello did not come in time, it says nothing.
var alerts = [reasons]byte{
	NoMatch:   alertUnrecognizedName,
	NoServer:  alertInternalError,
	Malformed: alertDecodeError,
	TooLarge:  alertDecodeError,
}

// farewell bounds how long, and how much, a client is listened to after an
// alert: what it is still sending would otherwise be answered with a reset,
// which can overtake the alert.
const (
	farewell      = 250 * time.Millisecond
	farewellBytes = 256 << 10
)

// refuse does what is configured for a connection that has no server, or
// returns the backend that it is to go to instead.
func (c *connection) refuse(why Reason) *balancer.Backend {
	a := c.f.Actions[why]
	if a.Verb == UseBackend {
		return a.Backend
	}
	switch why {
	case NoServer: // connect has said how that ended
	case NoMatch:
		c.record.End, c.record.EndedBy = tcplog.NoBackend, relay.Proxy
	default:
		c.record.End, c.record.EndedBy = tcplog.Refused, relay.Proxy
		if c.record.Error == "" {
			c.record.Error = fmt.Sprintf("on %s: %s", why, a.Verb)
		}
	}
	c.turnAway(a.Verb, alerts[why])
	return nil
}

// turnAway ends a connection that goes to no backend. The alert is what reject
// sends; 0: none.
func (c *connection) turnAway(v Verb, alert byte) {
	switch v {
	case Reject:
		if alert != 0 {
			c.alert(alert)
		}
	case Reset:
		c.reset()
	case Drop:
		c.drop()
	case Close, UseBackend:
	}
}

// discarded are buffers for bytes that nothing looks at.
var discarded = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// closeInOrder shuts down the sending side and discards what the client has sent until now: a socket that is closed
// with unread bytes resets the connection. It does not wait, as HAProxy does not.
func (c *connection) closeInOrder() {
	w, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || w.CloseWrite() != nil {
		return
	}
	p := discarded.Get().(*[16 << 10]byte)
	defer discarded.Put(p)
	for total := 0; total < farewellBytes; {
		n, err := readNow(c.Conn, p[:])
		if err != nil {
			return
		}
		total += n
	}
}

// reset has the client see a RST when the connection is closed.
func (c *connection) reset() {
	c.broken = true
	relay.Abort(c.Conn)
}

// drop has the client see nothing when the connection is closed.
func (c *connection) drop() {
	c.broken = true
	silence(c.Conn)
}

// alert sends a fatal TLS alert, if the client spoke TLS, and sees that it gets
// there. The version is the one that crypto/tls uses before one is agreed on.
func (c *connection) alert(description byte) {
	if !c.hello.SpokeTLS() {
		return
	}
	_ = c.SetDeadline(time.Now().Add(farewell))
	if _, err := c.Write([]byte{21, 3, 1, 0, 2, 2, description}); err != nil {
		return
	}
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok && w.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, farewellBytes)
	}
}
