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

// excerpt is how many bytes of what a server sends are quoted, and told how many
// of the text that it gives to be told.
const (
	maxQuoted = 60
	maxLogged = 200
)

// failure is why a check has failed.
type failure struct{ pool.Result }

// layer is what a failure means while this layer is being set up or used.
type layer struct{ timeout, broken pool.Code }

var (
	layer4 = layer{pool.Layer4Timeout, pool.Layer4Connection}
	layer6 = layer{pool.Layer6Timeout, pool.Layer6Response}
	layer7 = layer{pool.Layer7Timeout, pool.Layer7Response}
)

// classify is the problem that an error of a dial, read or write is.
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

// failf is a problem in words.
func (l layer) failf(format string, args ...any) *failure {
	return &failure{pool.Result{Code: l.broken, Info: fmt.Sprintf(format, args...)}}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// shortReason is an error in few words, without the addresses that whoever reads them
// knows.
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

// quoted is the beginning of what a server has sent.
func quoted(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	if len(b) > maxQuoted {
		return strconv.QuoteToASCII(string(b[:maxQuoted])) + "…"
	}
	return strconv.QuoteToASCII(string(b))
}

// printable is text of a server's as it may stand in a log: short, and on one line.
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
