// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// How long, and for how many bytes, a server may take to end a TLS connection
// after we have: what it still sends would be answered with a reset.
const (
	farewell      = 200 * time.Millisecond
	farewellBytes = 64 << 10
)

// link is the connection of a check. Its reads and writes fail when the check's
// time is over, or its context is done.
type link struct {
	net.Conn // what is spoken through: TLS, if that has been begun

	ctx     context.Context
	raw     net.Conn
	release func() bool
	warning string // what TLS has to say, though it has passed
}

// open connects to a target and sends the PROXY header that it asks for. began is
// when the check did.
func open(ctx context.Context, t pool.Target, began time.Time) (*link, *problem) {
	d := net.Dialer{KeepAlive: -1, Deadline: end(began, t.Timeout)}
	if t.ConnectTimeout > 0 {
		d.Deadline = time.Now().Add(t.ConnectTimeout)
	}
	if t.Source.IsValid() && t.Network != "unix" {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.Source, 0))
	}
	raw, err := d.DialContext(ctx, t.Network, t.Address)
	if err != nil {
		return nil, layer4.failed(ctx, err)
	}
	// A check that just goes away leaves no TIME_WAIT behind, here or there.
	linger(raw, 0)
	deadline := d.Deadline
	if t.ConnectTimeout > 0 {
		deadline = end(time.Now(), t.Timeout)
	}
	raw.SetDeadline(deadline) //nolint:errcheck // fails if the connection is broken, which the next use says better
	l := &link{Conn: raw, raw: raw, ctx: ctx}
	// The deadline is never put off again, or that could undo this.
	l.release = context.AfterFunc(ctx, l.hurry)
	if err := l.introduce(t.SendProxy); err != nil {
		l.abort()
		return nil, layer4.failed(ctx, err)
	}
	return l, nil
}

// end is when a time that began is over; the zero time if it never is.
func end(began time.Time, timeout time.Duration) time.Time {
	if timeout <= 0 {
		return time.Time{}
	}
	return began.Add(timeout)
}

func linger(c net.Conn, seconds int) {
	if c, ok := c.(*net.TCPConn); ok {
		c.SetLinger(seconds) //nolint:errcheck // fails if the connection is broken, and then nothing lingers
	}
}

// hurry has reads and writes fail from now on.
func (l *link) hurry() {
	l.raw.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // fails if the connection is broken, and then so do they
}

// introduce sends the header of the PROXY protocol. Version 1 has no word for a
// connection of the proxy's own, so that it carries this one's addresses.
func (l *link) introduce(version int) error {
	var h *proxyproto.Header
	switch version {
	case 0:
		return nil
	case 1:
		h = proxyproto.HeaderProxyFromAddrs(1, l.raw.LocalAddr(), l.raw.RemoteAddr())
	default:
		h = &proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	}
	_, err := h.WriteTo(l.raw)
	return err
}

// abort ends the connection with a reset, as HAProxy ends those of its checks.
func (l *link) abort() {
	l.release()
	l.raw.Close()
}

// close is abort, but TLS is taken leave of.
func (l *link) close() {
	defer l.abort()
	secure, ok := l.Conn.(*tls.Conn)
	if !ok || l.ctx.Err() != nil || secure.CloseWrite() != nil {
		return
	}
	if half, ok := l.raw.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	// Tickets for sessions to come are on their way, and the server's own farewell.
	timer := time.AfterFunc(farewell, l.hurry)
	defer timer.Stop()
	io.CopyN(io.Discard, l.raw, farewellBytes) //nolint:errcheck // how the server ends does not matter
	linger(l.raw, -1)
}
