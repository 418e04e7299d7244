// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(SMTP))
}

// SMTP waits for the greeting of a mail server, sends HELO or EHLO, then QUIT, and waits for the
// replies. It is HAProxy's option smtpchk.
type SMTP struct {
	// Helo is the host name that the check sends with HELO. Default: localhost.
	Helo string `json:"helo,omitempty"`

	// Ehlo is the host name to send with EHLO instead.
	Ehlo string `json:"ehlo,omitempty"`

	// TLS enables TLS from the first byte, as on port 465. Default: off.
	TLS *TLS `json:"tls,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*SMTP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.smtp",
		New: func() caddy.Module { return new(SMTP) },
	}
}

// Provision validates the options.
func (c *SMTP) Provision(caddy.Context) error {
	if c.Helo != "" && c.Ehlo != "" {
		return errors.New("helo and ehlo are mutually exclusive")
	}
	if name := c.Helo + c.Ehlo; len(name) > maxUser || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("helo or ehlo %q: expected the name of a host", printable(name))
	}
	return provisionTLS(c.TLS)
}

// Check returns L7OK, with the reply to QUIT as Info; L7STS for a reply other than 2xx; L7RSP if
// there is no reply or the greeting is not SMTP's, L7TOUT; or what a connect or a handshake can
// result in.
func (c *SMTP) Check(ctx context.Context, t pool.Target) pool.Result {
	d := protocolCheck{tls: c.TLS, exchange: c.exchange, closeWithFIN: true}
	return d.check(ctx, t)
}

func (c *SMTP) exchange(rw io.ReadWriter) (string, error) {
	in := bufio.NewReaderSize(rw, maxLine)
	if _, err := readReply(in); err != nil {
		return "", err
	}
	verb, name := "HELO", cmp.Or(c.Helo, "localhost")
	if c.Ehlo != "" {
		verb, name = "EHLO", c.Ehlo
	}
	if _, err := smtpCommand(rw, in, verb, " "+name); err != nil {
		return "", err
	}
	return smtpCommand(rw, in, "QUIT", "")
}

// smtpCommand sends a command and returns its reply. A reply that is not SMTP's is a refusal, as in
// HAProxy.
func smtpCommand(w io.Writer, in *bufio.Reader, verb, argument string) (string, error) {
	if _, err := io.WriteString(w, verb+argument+"\r\n"); err != nil {
		return "", err
	}
	reply, err := readReply(in)
	if wrong, ok := errors.AsType[protocolError](err); ok {
		return "", refusalf("the answer to %s is %v", verb, wrong)
	}
	return reply, err
}

// maxReply is the maximum number of lines of a reply.
const maxReply = 128

// readReply reads a reply of one or more lines and returns the last one. A code other than 2xx is a
// refusal.
func readReply(in *bufio.Reader) (string, error) {
	for range maxReply {
		line, err := textLine(in)
		if err != nil && (!isEOF(err) || line == "") {
			return "", err
		}
		if !isReply(line) {
			return "", notProtocol("SMTP", []byte(line))
		}
		if err != nil {
			return "", err
		}
		if line[0] != '2' {
			return "", refusalf("%s %s", line[:3], strings.TrimSpace(line[min(len(line), 4):]))
		}
		if !strings.HasPrefix(line[3:], "-") {
			return line, nil
		}
	}
	return "", refusalf("the reply has more than %d lines", maxReply)
}

// isReply reports whether a line begins with a code of three digits.
func isReply(line string) bool {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return false
	}
	return strings.Trim(line[:3], "0123456789") == ""
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check smtp {
//		helo|ehlo <name>
//		tls {
//			<options of checker tls>
//		}
//	}
func (c *SMTP) CheckOptions() options.Table {
	return options.Table{"helo": options.Text(&c.Helo), "ehlo": options.Text(&c.Ehlo), "tls": tlsOption(&c.TLS)}
}

// Interface guards
var (
	_ caddy.Module      = (*SMTP)(nil)
	_ caddy.Provisioner = (*SMTP)(nil)
	_ pool.Checker      = (*SMTP)(nil)
)
