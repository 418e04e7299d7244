// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(PgSQL))
}

// PgSQL begins to log in to a PostgreSQL server, and passes if the server lets the user in or asks
// for credentials. It is HAProxy's option pgsql-check.
type PgSQL struct {
	// User is the name to log in with.
	User string `json:"user"`

	// TLS enables TLS from the first byte, which PostgreSQL supports from version 17 on with the ALPN
	// protocol postgresql. Default: off.
	TLS *TLS `json:"tls,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*PgSQL) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.pgsql",
		New: func() caddy.Module { return new(PgSQL) },
	}
}

// Provision validates the options.
func (c *PgSQL) Provision(caddy.Context) error {
	if c.User == "" {
		return errors.New("user is missing: expected the name to log in with")
	}
	if err := validateUser(c.User); err != nil {
		return err
	}
	return provisionTLS(c.TLS)
}

// Check returns L7OK, with the requested authentication as Info; L7RSP with the server's error, as
// in HAProxy; L7STS for any other answer, L7TOUT; or what a connect or a handshake can result in.
func (c *PgSQL) Check(ctx context.Context, t pool.Target) pool.Result {
	d := protocolCheck{tls: c.TLS, exchange: c.exchange, closeWithFIN: true}
	return d.check(ctx, t)
}

// pgsqlAuthentications are the authentication requests with which the check passes.
var pgsqlAuthentications = map[uint32]string{
	0: "no password", 2: "Kerberos", 3: "a password", 4: "a password (crypt)", 5: "a password (md5)",
	6: "SCM credentials", 7: "GSSAPI", 9: "SSPI", 10: "SASL",
}

func (c *PgSQL) exchange(rw io.ReadWriter) (string, error) {
	const version = 3 << 16
	words := "user\x00" + c.User + "\x00\x00"
	b := binary.BigEndian.AppendUint32(nil, uint32(4+4+len(words)))
	b = binary.BigEndian.AppendUint32(b, version)
	if _, err := rw.Write(append(b, words...)); err != nil {
		return "", err
	}
	kind, content, err := readMessage(rw)
	if err != nil {
		return "", err
	}
	switch {
	case kind == 'E':
		return "", errorResponse(content)
	case kind == 'R' && len(content) >= 4:
		asks := binary.BigEndian.Uint32(content)
		what, ok := pgsqlAuthentications[asks]
		if !ok {
			return "", refusalf("the server asks for authentication of the unknown kind %d", asks)
		}
		if asks == 0 { // a server that waits for a password would log this as a wrong one
			rw.Write([]byte{'X', 0, 0, 0, 4}) //nolint:errcheck // Terminate: the connection ends in any case
		}
		return "the server asks for " + what, nil
	}
	return "", refusalf("not an answer to a login: got %s", quoted(append([]byte{kind}, content...)))
}

// readMessage returns the type and the content of the next message.
func readMessage(r io.Reader) (kind byte, content []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size < 4 || size > maxReceived {
		return 0, nil, refusalf("not PostgreSQL: got %s", quoted(head[:]))
	}
	content = make([]byte, size-4)
	_, err = io.ReadFull(r, content)
	return head[0], content, err
}

// errorResponse returns an error of the server: its severity, SQLSTATE and message.
func errorResponse(content []byte) error {
	fields := make(map[byte]string)
	for field := range bytes.SplitSeq(content, []byte{0}) {
		if len(field) > 1 {
			fields[field[0]] = string(field[1:])
		}
	}
	if fields['S'] == "" && fields['M'] == "" { // PostgreSQL before 7.4, or something else
		return protocolError(string(bytes.TrimRight(content, "\x00\n")))
	}
	return protocolError(fmt.Sprintf("%s %s: %s", fields['S'], fields['C'], fields['M']))
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check pgsql {
//		user <name>
//		tls {
//			<options of checker tls>
//		}
//	}
func (c *PgSQL) CheckOptions() options.Table {
	return options.Table{"user": options.Text(&c.User), "tls": tlsOption(&c.TLS)}
}

// Interface guards
var (
	_ caddy.Module      = (*PgSQL)(nil)
	_ caddy.Provisioner = (*PgSQL)(nil)
	_ pool.Checker      = (*PgSQL)(nil)
)
