// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// maxQuoted is the number of received bytes that a message quotes, maxLogged the number of bytes of
// the server's text that it includes.
const (
	maxQuoted = 60
	maxLogged = 200
)

// failure is the result of a check that has failed.
type failure struct{ pool.Result }

// layer holds the codes for a timeout and for any other failure while this layer is set up or used.
type layer struct{ timeout, broken pool.Code }

var (
	layer4 = layer{pool.Layer4Timeout, pool.Layer4Connection}
	layer6 = layer{pool.Layer6Timeout, pool.Layer6Response}
	layer7 = layer{pool.Layer7Timeout, pool.Layer7Response}
)

// classify returns the failure for an error of a dial, a read or a write.
func (l layer) classify(ctx context.Context, err error) *failure {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &failure{pool.Result{Code: pool.CodeNotChecked, Info: "canceled"}}
	case isTimeout(err):
		return &failure{pool.Result{Code: l.timeout}}
	}
	if unresolved, ok := errors.AsType[*resolve.Error](err); ok && !unresolved.NotFound() {
		return &failure{pool.Result{Code: pool.DNSError, Info: unresolved.Error()}}
	}
	if relay.IsShortage(err) {
		return &failure{pool.Result{Code: pool.SocketError, Info: shortReason(err)}}
	}
	return l.failf("%s", shortReason(err))
}

// failf returns a failure with a formatted Info.
func (l layer) failf(format string, args ...any) *failure {
	return &failure{pool.Result{Code: l.broken, Info: fmt.Sprintf(format, args...)}}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// shortReason returns the text of an error without the addresses in it, which the log line has
// anyway.
func shortReason(err error) string {
	var errno syscall.Errno
	var op *net.OpError
	var alert tls.AlertError
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &alert):
		return strings.TrimPrefix(alert.Error(), "tls: ")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed by the server"
	case errors.As(err, &op) && op.Op == "remote error":
		return "server says: " + strings.TrimPrefix(op.Err.Error(), "tls: ")
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return strings.TrimPrefix(err.Error(), "tls: ")
}

// quoted returns the beginning of received data, quoted.
func quoted(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	if len(b) > maxQuoted {
		return strconv.QuoteToASCII(string(b[:maxQuoted])) + "…"
	}
	return strconv.QuoteToASCII(string(b))
}

// printable makes text from a server fit for a log: short, on one line, printable.
func printable(s string) string {
	if len(s) > maxLogged {
		s = strings.ToValidUTF8(s[:maxLogged], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
