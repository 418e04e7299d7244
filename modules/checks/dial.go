// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// Limits for an orderly close: after our FIN the server may take closeTimeout and send
// closeReadLimit bytes before it closes. Closing earlier would answer what it still sends with a
// reset. goodbyeTimeout replaces closeTimeout for protocols that end with a message.
const (
	closeTimeout   = 200 * time.Millisecond
	closeReadLimit = 64 << 10
	goodbyeTimeout = time.Second
)

// checkConn is the connection of a check. Its reads and writes fail once the check's time is over
// or its context is done.
type checkConn struct {
	net.Conn // the connection to use: the TLS one after a handshake

	ctx        context.Context
	tcp        net.Conn
	stopCancel func() bool
	warning    string // a problem to report although the check goes on
}

// openConn connects to a target and sends the PROXY header that it asks for. began is when the
// check started.
func openConn(ctx context.Context, t pool.Target, began time.Time) (*checkConn, *failure) {
	deadline := deadlineAfter(began, t.Timeout)
	if t.ConnectTimeout > 0 {
		deadline = time.Now().Add(t.ConnectTimeout)
	}
	l := &checkConn{ctx: ctx}
	if err := l.dial(t, deadline); err != nil {
		bad := layer4.classify(ctx, err)
		bad.Warning = l.warning
		return nil, bad
	}
	// A reset on close leaves no TIME_WAIT behind, here or on the server.
	setLinger(l.tcp, 0)
	if t.ConnectTimeout > 0 {
		deadline = deadlineAfter(time.Now(), t.Timeout)
	}
	l.tcp.SetDeadline(deadline) //nolint:errcheck // fails if the connection is broken; the next read or write reports that better
	// Never extend the deadline after this: that could undo expire.
	l.stopCancel = context.AfterFunc(ctx, l.expire)
	if err := l.sendProxyHeader(t.SendProxy); err != nil {
		l.abort()
		return nil, layer4.classify(ctx, err)
	}
	return l, nil
}

// dial connects as connections of clients do: to the cached addresses of a name, one after the
// other.
func (l *checkConn) dial(t pool.Target, deadline time.Time) (err error) {
	if t.Network == "unix" {
		d := net.Dialer{KeepAlive: -1, Deadline: deadline}
		l.tcp, err = d.DialContext(l.ctx, t.Network, t.Address)
		l.Conn = l.tcp
		return err
	}
	answer, port, err := l.lookUp(t, deadline)
	if err != nil {
		return err
	}
	l.tcp, err = answer.Connect(timeLeft(deadline), l.ctx.Done(), func(to netip.Addr, within time.Duration) (net.Conn, error) {
		// A connection that the kernel established in time counts, even if this process notices it late.
		o := relay.DialOptions{Cancel: l.ctx.Done(), Socket: socketOf(&t)}
		if !deadline.IsZero() {
			o.Timeout = max(1, within)
		}
		return relay.Dial(netip.AddrPortFrom(to, port), o, nil)
	})
	if l.Conn = l.tcp; answer.RenewError != nil {
		l.warn(answer.RenewError.Error() + "; its last addresses are in use")
	}
	return err
}

// lookUp returns the addresses of a target's host, and its port.
func (l *checkConn) lookUp(t pool.Target, deadline time.Time) (answer resolve.Answer, port uint16, err error) {
	host, word, err := net.SplitHostPort(t.Address)
	if err != nil {
		return answer, 0, err
	}
	name := resolve.NewName(t.Network, host, t.ResolvePrefer).Near(t.ResolveNet).From(t.Source)
	if answer, err = resolve.Named(t.Resolver).Lookup(name, timeLeft(deadline), l.ctx.Done()); err != nil {
		return answer, 0, err
	}
	number, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return answer, 0, fmt.Errorf("port %q: %w", word, err)
	}
	return answer, uint16(number), nil
}

// socketOf returns the options of a check's socket, or nil.
func socketOf(t *pool.Target) *relay.SocketOptions {
	if !t.Source.IsValid() && t.Interface == "" && t.Namespace == nil {
		return nil
	}
	return &relay.SocketOptions{Source: t.Source, Interface: t.Interface, Namespace: t.Namespace}
}

// warn adds text to the warning.
func (l *checkConn) warn(text string) {
	if l.warning != "" {
		text = l.warning + "; " + text
	}
	l.warning = text
}

// timeLeft returns the time until a deadline, at least 1 ns; 0 if there is no deadline.
func timeLeft(deadline time.Time) time.Duration {
	if deadline.IsZero() {
		return 0
	}
	return max(1, time.Until(deadline))
}

// deadlineAfter returns began plus timeout; the zero time if there is no timeout.
func deadlineAfter(began time.Time, timeout time.Duration) time.Time {
	if timeout <= 0 {
		return time.Time{}
	}
	return began.Add(timeout)
}

func setLinger(c net.Conn, seconds int) {
	if c, ok := c.(interface{ SetLinger(seconds int) error }); ok {
		c.SetLinger(seconds) //nolint:errcheck // fails if the connection is broken; then nothing lingers
	}
}

// expire makes pending and future reads and writes fail.
func (l *checkConn) expire() {
	l.tcp.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // fails if the connection is broken; then they fail anyway
}

// sendProxyHeader sends the header of the PROXY protocol. Version 1 cannot mark a connection as the
// proxy's own, so its header carries the addresses of this connection.
func (l *checkConn) sendProxyHeader(version int) error {
	var header []byte
	switch version {
	case 0:
		return nil
	case 1:
		header = proxyprotocol.AppendV1(nil, addrPort(l.tcp.LocalAddr()), addrPort(l.tcp.RemoteAddr()))
	default:
		w := proxyprotocol.BeginV2(nil, netip.AddrPort{}, netip.AddrPort{})
		header = w.End()
	}
	_, err := l.tcp.Write(header)
	return err
}

// addrPort returns the IP address and port of a, or zero for a Unix socket.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// abort closes the connection with a reset, as HAProxy does after its checks.
func (l *checkConn) abort() {
	l.stopCancel()
	l.tcp.Close()
}

// close closes a TLS connection in order, and any other as abort does.
func (l *checkConn) close() {
	if _, secure := l.Conn.(*tls.Conn); secure {
		l.closeOrderly(nil)
		return
	}
	l.abort()
}

// closeOrderly closes the connection in order: it sends the protocol's last message, if words is
// not nil, closes the sending side, and waits for the server to close.
func (l *checkConn) closeOrderly(words func(io.ReadWriter)) {
	defer l.abort()
	if l.ctx.Err() != nil {
		return
	}
	within := closeTimeout
	if words != nil {
		within = goodbyeTimeout
	}
	timer := time.AfterFunc(within, l.expire)
	defer timer.Stop()
	if words != nil {
		words(l.Conn)
	}
	if secure, ok := l.Conn.(*tls.Conn); ok && secure.CloseWrite() != nil {
		return
	}
	if half, ok := l.tcp.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	// The server may still be sending session tickets and its own close_notify.
	io.CopyN(io.Discard, l.tcp, closeReadLimit) //nolint:errcheck // how the server ends does not matter
	setLinger(l.tcp, -1)
}
