// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(SSLHello))
}

// Types of TLS records that answer a hello, and the length of a record's header.
const (
	recordAlert     = 0x15
	recordHandshake = 0x16
	recordHeader    = 5
)

// SSLHello sends a ClientHello and passes if the server answers with any TLS record, a ServerHello
// or an alert. It is HAProxy's option ssl-hello-chk, but sends a current hello, for TLS 1.3 and
// 1.2. Nothing is verified; to the server, the handshake is broken off.
type SSLHello struct {
	// ServerName is sent as SNI. Default: no SNI.
	ServerName string `json:"server_name,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*SSLHello) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.ssl_hello",
		New: func() caddy.Module { return new(SSLHello) },
	}
}

// Check returns L6OK; L6RSP if the answer is not TLS or missing; L6TOUT, L4CON or L4TOUT.
func (c *SSLHello) Check(ctx context.Context, t pool.Target) pool.Result {
	l, bad := openConn(ctx, t, time.Now())
	if bad != nil {
		return bad.Result
	}
	defer l.abort()
	first := &helloOnlyConn{Conn: l.tcp}
	err := tls.Client(first, &tls.Config{
		ServerName:         c.ServerName,
		InsecureSkipVerify: true, //nolint:gosec // the handshake ends before the certificate
	}).Handshake()
	switch {
	case first.isTLS():
		return pool.Result{Code: pool.Layer6OK, Warning: l.warning}
	case len(first.header) == recordHeader:
		return layer6.failf("not TLS: got %s", quoted(first.header)).Result
	case first.err == nil: // sending the hello failed
		return layer6.classify(ctx, err).Result
	}
	bad = layer6.classify(ctx, first.err)
	if bad.Code == pool.Layer6Response && len(first.header) > 0 {
		bad.Info += " after " + quoted(first.header)
	}
	return bad.Result
}

// isTLS reports whether the answer looks like TLS. If the server closed after less than a record's
// header, the first byte is enough, as in HAProxy.
func (f *helloOnlyConn) isTLS() bool {
	if len(f.header) == 0 || f.header[0] != recordAlert && f.header[0] != recordHandshake {
		return false
	}
	return len(f.header) == recordHeader || errors.Is(f.err, io.ErrUnexpectedEOF)
}

var errAnswered = errors.New("the server has answered")

// helloOnlyConn is a connection on which a TLS client gets no further than its hello.
type helloOnlyConn struct {
	net.Conn
	header []byte // of the first record received, possibly incomplete
	err    error  // why reading ended
}

// Read reads the header of the first record and withholds it from the TLS client.
func (f *helloOnlyConn) Read([]byte) (int, error) {
	header := make([]byte, recordHeader)
	n, err := io.ReadFull(f.Conn, header)
	f.header, f.err = header[:n], err
	if err == nil {
		f.err = errAnswered
	}
	return 0, f.err
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check ssl_hello {
//		server_name <name>
//	}
func (c *SSLHello) CheckOptions() options.Table {
	return options.Table{"server_name": options.Text(&c.ServerName)}
}

// Interface guards
var (
	_ caddy.Module = (*SSLHello)(nil)
	_ pool.Checker = (*SSLHello)(nil)
)
