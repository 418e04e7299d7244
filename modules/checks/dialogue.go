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

// protocolCheck is a check in the protocol of the server.
type protocolCheck struct {
	// tls is spoken from the first byte; nil: it is not.
	tls *TLS
	// speak asks the server, and returns what there is to say of one that is well.
	// Its error is a refusal, an unexpected, or that of the connection.
	exchange func(io.ReadWriter) (info string, err error)
	// part says the last words to a server that is well; nil: there are none.
	goodbye func(io.ReadWriter)
	// orderly makes the connection end with a FIN, where it otherwise ends with a
	// reset unless there are last words.
	closeWithFIN bool
}

// refusal is what makes a check end in L7STS: an answer that says no.
type refusal string

func (r refusal) Error() string { return string(r) }

func refusalf(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// protocolError is what makes a check end in L7RSP: an answer that is none in the protocol.
type protocolError string

func (u protocolError) Error() string { return string(u) }

func notProtocol(protocol string, got []byte) error {
	return protocolError("not " + protocol + ": got " + quoted(got))
}

// isEOF reports whether an error says that the server has closed.
func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// check has the dialogue with a server. The result is L7OK, L7STS for a refusal, L7RSP
// or L7TOUT; or what a connect or a handshake can come to.
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

// dialogFailure is the problem that an error of a dialogue is.
func dialogFailure(ctx context.Context, err error) *failure {
	if refused, ok := errors.AsType[refusal](err); ok {
		return &failure{pool.Result{Code: pool.Layer7Status, Info: printable(string(refused))}}
	}
	if wrong, ok := errors.AsType[protocolError](err); ok {
		return layer7.failf("%s", printable(string(wrong)))
	}
	return layer7.classify(ctx, err)
}

// provisionTLS makes TLS ready that is beneath another protocol, if it is.
func provisionTLS(o *TLS) error {
	if o == nil {
		return nil
	}
	if err := o.provision(); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

// tlsOption is the option tls of a checker.
func tlsOption(o **TLS) options.Option {
	return options.Optional(o, func(made *TLS) options.Option { return options.Once(made.options().ParseBlock) })
}

// maxUser is how long a name may be that a check logs in with.
const maxUser = 255

func validateUser(name string) error {
	if strings.ContainsRune(name, 0) || len(name) > maxUser {
		return fmt.Errorf("user %q: expected at most %d bytes, and none that is zero", printable(name), maxUser)
	}
	return nil
}
