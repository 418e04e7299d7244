// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// protocolCheck is a check that uses the server's own protocol.
type protocolCheck struct {
	// tls is used from the first byte; nil: no TLS.
	tls *TLS
	// exchange queries the server and returns the Info of a healthy one. Its error is a refusal, a
	// protocolError, or an error of the connection.
	exchange func(io.ReadWriter) (info string, err error)
	// goodbye sends the protocol's last message to a healthy server; nil: no such message.
	goodbye func(io.ReadWriter)
	// closeWithFIN closes the connection with a FIN. Without it, the connection ends with a reset
	// unless goodbye is set.
	closeWithFIN bool
}

// refusal is an error for an answer that says no. The check results in L7STS.
type refusal string

func (r refusal) Error() string { return string(r) }

func refusalf(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// protocolError is an error for an answer that is not valid in the protocol. The check results in
// L7RSP.
type protocolError string

func (u protocolError) Error() string { return string(u) }

func notProtocol(protocol string, got []byte) error {
	return protocolError("not " + protocol + ": got " + quoted(got))
}

// isEOF reports whether an error means that the server has closed the connection.
func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// check checks a server. The result is L7OK, L7STS for a refusal, L7RSP or L7TOUT; or what a
// connect or a handshake can result in.
func (d *protocolCheck) check(ctx context.Context, t pool.Target) pool.Result {
	l, bad := openConn(ctx, t, time.Now())
	if bad != nil {
		return bad.Result
	}
	if d.tls != nil {
		if bad := d.tls.handshake(l, t); bad != nil {
			l.abort()
			return bad.Result
		}
	}
	info, err := d.exchange(l)
	switch {
	case err == nil && (d.goodbye != nil || d.closeWithFIN):
		l.closeOrderly(d.goodbye)
	case d.closeWithFIN:
		l.closeOrderly(nil)
	default:
		l.close()
	}
	if err == nil {
		return pool.Result{Code: pool.Layer7OK, Info: printable(info), Warning: l.warning}
	}
	return dialogFailure(ctx, err).Result
}

// dialogFailure returns the failure for an error of exchange.
func dialogFailure(ctx context.Context, err error) *failure {
	if refused, ok := errors.AsType[refusal](err); ok {
		return &failure{pool.Result{Code: pool.Layer7Status, Info: printable(string(refused))}}
	}
	if wrong, ok := errors.AsType[protocolError](err); ok {
		return layer7.failf("%s", printable(string(wrong)))
	}
	return layer7.classify(ctx, err)
}

// provisionTLS provisions o, which may be nil.
func provisionTLS(o *TLS) error { return provisionTLSBy(o, (*TLS).provision) }

// provisionHTTPS provisions o, which may be nil, for connections that carry HTTP.
func provisionHTTPS(o *TLS) error { return provisionTLSBy(o, (*TLS).provisionHTTP) }

// provisionTLSBy provisions o, which may be nil, by one of its methods.
func provisionTLSBy(o *TLS, provision func(*TLS) error) error {
	if o == nil {
		return nil
	}
	if err := provision(o); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

// tlsOption returns the option tls of a checker.
func tlsOption(o **TLS) options.Option {
	return options.Optional(o, func(made *TLS) options.Option { return options.Once(made.options().ParseBlock) })
}

// maxUser is the longest user name that a check may log in with.
const maxUser = 255

func validateUser(name string) error {
	if strings.ContainsRune(name, 0) || len(name) > maxUser {
		return fmt.Errorf("user %q: expected at most %d bytes without zero bytes", printable(name), maxUser)
	}
	return nil
}
