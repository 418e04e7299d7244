// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(MySQL))
}

// MySQL logs in to a MySQL or MariaDB server with a user that has no password, or only reads its
// greeting. It is HAProxy's option mysql-check.
//
// A server counts connections that end before a login. After max_connect_errors of them (default:
// 100) it refuses all connections from the proxy's address, those of clients included. So this
// check always answers the greeting: without User by a login that the server may refuse, which does
// not count as such an error.
type MySQL struct {
	// User is the name to log in with. Default: any greeting passes.
	User string `json:"user,omitempty"`

	// Old logs in as clients before MySQL 4.1 did. It is HAProxy's pre-41.
	Old bool `json:"old,omitempty"`

	// AcceptAuthSwitch makes the check pass also if the server asks for another authentication method,
	// as MySQL 8 does for users with a password. It is HAProxy's post-80.
	AcceptAuthSwitch bool `json:"accept_auth_switch,omitempty"`

	// TLS enables TLS from the first byte, which servers only support behind a TLS proxy. Default:
	// off.
	TLS *TLS `json:"tls,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*MySQL) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.mysql",
		New: func() caddy.Module { return new(MySQL) },
	}
}

// Provision validates the options.
func (c *MySQL) Provision(caddy.Context) error {
	if err := validateUser(c.User); err != nil {
		return err
	}
	if (c.Old || c.AcceptAuthSwitch) && c.User == "" {
		return errors.New("old and accept_auth_switch require user")
	}
	if c.Old && c.AcceptAuthSwitch {
		return errors.New("old and accept_auth_switch are mutually exclusive")
	}
	return provisionTLS(c.TLS)
}

// Check returns L7OK, with the server's version as Info; L7STS with the number and text of the
// server's error; L7RSP if the answer is not MySQL's, L7TOUT; or what a connect or a handshake can
// result in.
func (c *MySQL) Check(ctx context.Context, t pool.Target) pool.Result {
	d := protocolCheck{tls: c.TLS, exchange: c.exchange, goodbye: c.quit, closeWithFIN: true}
	return d.check(ctx, t)
}

// Constants of the protocol: first bytes of packets and capability flags of the client. The values
// are those that HAProxy sends, except authPlugins.
const (
	mysqlOK     = 0x00
	mysqlMore   = 0x01
	mysqlSwitch = 0xfe
	mysqlError  = 0xff

	secureConnection = 0x8000
	protocol41       = 0x0200
	authPlugins      = 0x80000

	mysqlUTF8  = 0x21
	maxAnswers = 4 // packets accepted after a login
)

var mysqlQuit = []byte{1, 0, 0, 0, 1}

// serverGreeting is the first packet of a server.
type serverGreeting struct {
	version string
	plugins bool // the server supports authentication plugins
}

func (c *MySQL) exchange(rw io.ReadWriter) (string, error) {
	in := bufio.NewReader(rw)
	hello, err := readGreeting(in)
	if err == nil && c.User != "" {
		err = c.login(rw, in, c.User, hello.plugins)
	}
	return hello.version, err
}

// quit sends COM_QUIT. Without a User it first completes the handshake.
func (c *MySQL) quit(rw io.ReadWriter) {
	if c.User == "" && c.login(rw, bufio.NewReader(rw), "", false) != nil {
		return
	}
	rw.Write(mysqlQuit) //nolint:errcheck // the connection ends in any case
}

// readPacket returns the number and the content of the next packet.
func readPacket(in *bufio.Reader) (number byte, content []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if size == 0 || size > maxReceived {
		rest, _ := in.Peek(min(in.Buffered(), maxQuoted))
		return 0, nil, notProtocol("MySQL", append(head[:], rest...))
	}
	content = make([]byte, size)
	if _, err := io.ReadFull(in, content); err != nil {
		return 0, nil, err
	}
	if content[0] == mysqlError {
		return 0, nil, serverError(content[1:])
	}
	return head[3], content, nil
}

// serverError returns the error in an error packet, given without its first byte.
func serverError(b []byte) error {
	if len(b) < 2 {
		return notProtocol("MySQL", b)
	}
	number, text := binary.LittleEndian.Uint16(b), string(b[2:])
	if len(text) >= 6 && text[0] == '#' {
		return refusalf("%d (%s): %s", number, text[1:6], text[6:])
	}
	return refusalf("%d: %s", number, text)
}

func readGreeting(in *bufio.Reader) (g serverGreeting, err error) {
	_, b, err := readPacket(in)
	if err != nil {
		return g, err
	}
	if b[0] != 9 && b[0] != 10 {
		return g, notProtocol("MySQL", b)
	}
	version, rest, ended := bytes.Cut(b[1:], []byte{0})
	if !ended {
		return g, notProtocol("MySQL", b)
	}
	g.version = string(version)
	// The connection ID, 8 bytes of salt and a zero, then the server's capabilities in two halves with
	// 3 bytes between them.
	const secondHalf = 4 + 8 + 1 + 2 + 3
	if len(rest) >= secondHalf+2 {
		g.plugins = uint32(binary.LittleEndian.Uint16(rest[secondHalf:]))<<16&authPlugins != 0
	}
	return g, nil
}

// login logs a user in without a password. A refusal by the server is an error.
func (c *MySQL) login(w io.Writer, in *bufio.Reader, user string, plugins bool) error {
	if _, err := w.Write(c.loginPacket(user, plugins)); err != nil {
		return err
	}
	for range maxAnswers {
		number, b, err := readPacket(in)
		if err != nil {
			return err
		}
		switch b[0] {
		case mysqlOK:
			return nil
		case mysqlMore:
		case mysqlSwitch:
			if _, err := w.Write(emptyAuthReply(number+1, b[1:])); err != nil {
				return err
			}
			if c.AcceptAuthSwitch {
				return nil
			}
		default:
			return notProtocol("MySQL", b)
		}
	}
	return refusalf("the server requires more than a user without a password")
}

// loginPacket returns the answer to a greeting.
func (c *MySQL) loginPacket(user string, plugins bool) []byte {
	var b []byte
	if c.Old {
		b = binary.LittleEndian.AppendUint16(b, secureConnection)
		b = append(b, 0, 0, 1) // maximum packet size
		b = append(b, user...)
		b = append(b, 0, 0)
	} else {
		can := uint32(secureConnection | protocol41)
		if plugins {
			can |= authPlugins
		}
		b = binary.LittleEndian.AppendUint32(b, can)
		b = append(b, 0, 0x80, 0, 1, mysqlUTF8) // maximum packet size, character set
		b = append(b, make([]byte, 23)...)
		b = append(b, user...)
		b = append(b, 0, 0)
		if plugins {
			b = append(b, "mysql_native_password\x00"...)
		}
	}
	return append([]byte{byte(len(b)), byte(len(b) >> 8), 0, 1}, b...)
}

// emptyAuthReply returns an empty password for the authentication method that the server asks for.
func emptyAuthReply(number byte, want []byte) []byte {
	plugin, _, _ := bytes.Cut(want, []byte{0})
	if s := string(plugin); s == "caching_sha2_password" || s == "sha256_password" {
		return []byte{1, 0, 0, number, 0}
	}
	return []byte{0, 0, 0, number}
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check mysql {
//		user <name>
//		old
//		accept_auth_switch
//		tls {
//			<options of checker tls>
//		}
//	}
func (c *MySQL) CheckOptions() options.Table {
	return options.Table{
		"user": options.Text(&c.User), "old": options.Flag(&c.Old), "accept_auth_switch": options.Flag(&c.AcceptAuthSwitch),
		"tls": tlsOption(&c.TLS),
	}
}

// Interface guards
var (
	_ caddy.Module      = (*MySQL)(nil)
	_ caddy.Provisioner = (*MySQL)(nil)
	_ pool.Checker      = (*MySQL)(nil)
)
