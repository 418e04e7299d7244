// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(Redis))
}

// Redis sends PING and expects PONG. It is HAProxy's option redis-check.
type Redis struct {
	// TLS enables TLS. Default: off.
	TLS *TLS `json:"tls,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Redis) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.redis",
		New: func() caddy.Module { return new(Redis) },
	}
}

// Provision validates the options.
func (c *Redis) Provision(caddy.Context) error { return provisionTLS(c.TLS) }

// Check returns L7OK; L7STS for another answer, such as -NOAUTH or -LOADING; L7RSP if there is no
// answer, L7TOUT; or what a connect or a handshake can result in.
func (c *Redis) Check(ctx context.Context, t pool.Target) pool.Result {
	d := protocolCheck{tls: c.TLS, exchange: exchangeRedisPing}
	return d.check(ctx, t)
}

func exchangeRedisPing(rw io.ReadWriter) (string, error) {
	if _, err := io.WriteString(rw, "*1\r\n$4\r\nPING\r\n"); err != nil {
		return "", err
	}
	line, err := textLine(bufio.NewReaderSize(rw, maxLine))
	switch {
	case err == nil && line == "+PONG":
		return line, nil
	case err == nil && line != "" && line[0] == '-':
		return "", refusalf("%s", line)
	case err == nil, isEOF(err) && line != "":
		return "", refusalf("not PONG: got %s", quoted([]byte(line)))
	}
	return "", err
}

// textLine returns the next line without its end. With an error it returns the part of the line
// read so far. A line may be as long as the buffer of in.
func textLine(in *bufio.Reader) (string, error) {
	b, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = errLineTooLong
	}
	return strings.TrimRight(string(b), "\r\n"), err
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check redis {
//		tls {
//			<options of checker tls>
//		}
//	}
func (c *Redis) CheckOptions() options.Table { return options.Table{"tls": tlsOption(&c.TLS)} }

// Interface guards
var (
	_ caddy.Module      = (*Redis)(nil)
	_ caddy.Provisioner = (*Redis)(nil)
	_ pool.Checker      = (*Redis)(nil)
)
