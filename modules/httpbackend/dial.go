// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// target is the destination of a connection to a server.
type target struct {
	balancer.Destination
	tls        *checks.TLS // nil: plain text
	serverName string      // the SNI
	header     string      // PROXY header to begin with; empty: none
}

type targetKey struct{}

// target returns the destination of connections to a server.
func (x *exchange) target(s *pool.Server) target {
	to := balancer.Destination{Address: s.Address, Naming: s.Naming, Timeout: max(0, time.Duration(x.h.backend.Timeouts.Connect)), Socket: x.h.backend.Socket(s)}
	t := target{Destination: to, header: x.header(s.Name)}
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
	return hex.EncodeToString([]byte(t.Address)) + "." + kind
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
	conn, err := t.Connect(ctx)
	if err == nil && t.header != "" {
		err = t.sendHeader(ctx, conn)
	}
	if err == nil && t.tls != nil {
		conn, err = t.secure(ctx, conn)
	}
	if err != nil {
		return nil, &connectError{fmt.Errorf("connecting to %s: %w", t.Address, err)}
	}
	return conn, nil
}

// secure starts TLS on a connection.
func (t target) secure(ctx context.Context, raw net.Conn) (net.Conn, error) {
	if t.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.Timeout)
		defer cancel()
	}
	conn := tls.Client(raw, t.tls.ClientConfig(t.serverName))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return conn, nil
}
