// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// target is the destination of a connection to a server.
type target struct {
	address, prefer string
	connect         time.Duration // timeout; 0: none
	tls             *checks.TLS   // nil: plain text
	serverName      string        // the SNI
	header          string        // PROXY header to begin with; empty: none

	socket *relay.SocketOptions // nil: none
}

type targetKey struct{}

// target returns the destination of connections to a server.
func (x *exchange) target(s *pool.Server) target {
	t := target{address: s.Address, prefer: s.ResolvePrefer, connect: max(0, time.Duration(x.h.backend.Timeouts.Connect)), socket: x.h.backend.Socket(s), header: x.header(s.Name)}
	o := x.h.TLS[s.Name]
	if o == nil {
		o = x.h.TLS[anyServer]
	}
	if o != nil {
		t.tls, t.serverName = o, serverName(o, x, s.Address)
	}
	return t
}

// key returns the key under which the transport shares connections: connections with the same key
// may carry each other's requests.
func (t target) key() string {
	kind := "plain"
	if t.tls != nil {
		kind = "tls." + hex.EncodeToString([]byte(t.serverName))
	}
	if t.header != "" {
		kind += ".proxy." + hex.EncodeToString([]byte(t.header))
	}
	return hex.EncodeToString([]byte(t.address)) + "." + kind
}

// connectError is the error of a failed connect.
type connectError struct{ error }

func (e *connectError) Unwrap() error { return e.error }

func isConnectError(err error) bool {
	_, ok := errors.AsType[*connectError](err)
	return ok
}

// isLocal reports whether this system failed, and not the server.
func (e *connectError) isLocal() bool {
	_, unresolved := errors.AsType[*resolve.Error](e.error)
	return unresolved || relay.IsShortage(e.error)
}

// dial connects to the target in ctx. The host and port that the transport passes are only a key.
func dial(ctx context.Context, _, _ string) (net.Conn, error) {
	t := ctx.Value(targetKey{}).(target)
	conn, err := t.dial(ctx)
	if err == nil && t.header != "" {
		err = t.sendHeader(ctx, conn)
	}
	if err == nil && t.tls != nil {
		conn, err = t.secure(ctx, conn)
	}
	if err != nil {
		return nil, &connectError{fmt.Errorf("connecting to %s: %w", t.address, err)}
	}
	return conn, nil
}

func (t target) dial(ctx context.Context) (net.Conn, error) {
	network, address := balancer.SplitAddress(t.address)
	d := net.Dialer{Timeout: t.connect, FallbackDelay: -1}
	if network == "unix" {
		return d.DialContext(ctx, network, address)
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, err
	}
	name := resolve.NewName(network, host, t.prefer).From(t.socket.SourceAddr(netip.AddrPort{}))
	answer, err := resolve.Servers.Lookup(name, t.connect, ctx.Done())
	if err != nil {
		return nil, err
	}
	return answer.Connect(t.connect, ctx.Done(), func(to netip.Addr, within time.Duration) (net.Conn, error) {
		address := netip.AddrPortFrom(to, uint16(port))
		if t.socket != nil {
			return relay.Dial(address, relay.DialOptions{Timeout: within, Cancel: ctx.Done(), Socket: t.socket}, nil)
		}
		d.Timeout = within
		return d.DialContext(ctx, "tcp", address.String())
	})
}

// secure starts TLS on a connection.
func (t target) secure(ctx context.Context, raw net.Conn) (net.Conn, error) {
	if t.connect > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.connect)
		defer cancel()
	}
	conn := tls.Client(raw, t.tls.ClientConfig(t.serverName))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return conn, nil
}
