// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// exchange is a request on its way to a server, and its response on the way back. It holds the
// lease on the server and releases it once: when the response has been read, or the connection that
// it was upgraded to has ended.
type exchange struct {
	balancer.Attempts
	h           *Handler
	in          *http.Request
	ctx         context.Context //nolint:containedctx // it ends with the exchange
	cancel      context.CancelCauseFunc
	requestBody *requestBody // nil: the request has no body
	err         error        // the reason for a missing response

	mu     sync.Mutex
	lease  *pool.Lease
	server string // of the last attempt
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

var (
	errShutdown      = errors.New("the process ends")
	errServerRemoved = errors.New("the server was taken out of service")
)

func newExchange(h *Handler, r *http.Request) *exchange {
	x := &exchange{h: h, in: r}
	x.Backend, x.Pauser = h.backend, x
	x.ctx, x.cancel = context.WithCancelCause(r.Context())
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		x.Request.Source = a.Addr().Unmap()
	}
	x.Request.Connection = x
	p := httprules.PriorityOf(r)
	x.Request.Priority = pool.Priority{Class: int(p.Class), Offset: time.Duration(p.Offset) * time.Millisecond}
	return x
}

// Pause waits for d, or until the client has left.
func (x *exchange) Pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-x.ctx.Done():
	}
}

// Placeholders fills in a template for a policy.
func (x *exchange) Placeholders(template string) string {
	r, ok := x.in.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	return r.ReplaceAll(template, "")
}

// Sample evaluates an expression for a policy.
func (x *exchange) Sample(e *sample.Expression) (sample.Value, bool) {
	return httprules.Of(x.in).Sample(e)
}

// triedServer returns the last server, for errors.
func (x *exchange) triedServer() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.server == "" {
		return ""
	}
	return ", server \"" + x.server + "\""
}

// setLease sets the lease. The one before has been given up already.
func (x *exchange) setLease(l *pool.Lease) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lease, x.server = l, l.Server.Name
}

// release releases the lease, if there is one.
func (x *exchange) release(o pool.Outcome) {
	x.mu.Lock()
	l := x.lease
	x.lease = nil
	x.mu.Unlock()
	if l != nil {
		l.Release(o)
	}
}

// end ends the exchange, whatever its result.
func (x *exchange) end() {
	x.cancel(context.Canceled)
	x.release(pool.NotTried)
}

// roundTripper is the transport of the reverse proxy.
type roundTripper struct{}

// RoundTrip sends a request to a server of the exchange's backend.
func (roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return exchangeOf(r.Context()).roundTrip(r)
}

// noServerError is the error of a request that got no server.
type noServerError struct{ error }

func (u noServerError) Unwrap() error { return u.error }

func isNoServer(err error) bool {
	_, ok := errors.AsType[noServerError](err)
	return ok
}

func (x *exchange) roundTrip(r *http.Request) (*http.Response, error) {
	x.requestBody = newRequestBody(r, x.h.retryOn)
	lease, err := x.Acquire(x.ctx)
	for err == nil {
		x.setLease(lease)
		response, failed := x.attempt(r, lease)
		if failed == nil {
			return response, nil
		}
		f, again := x.judge(failed)
		if !again || x.Retry() != nil {
			if response != nil { // with a status to retry on: pass it on
				return response, nil
			}
			x.release(f.Outcome)
			return nil, failed
		}
		if response != nil {
			_ = response.Body.Close()
		}
		lease, err = x.Next(x.ctx, lease, f)
	}
	x.mu.Lock()
	x.lease = nil // Next has given it up
	x.mu.Unlock()
	return nil, noServerError{err}
}

// judge returns what a failed attempt means for the server, and whether another attempt is allowed.
func (x *exchange) judge(failed error) (f balancer.Failure, again bool) {
	switch {
	case x.ctx.Err() != nil, errors.As(failed, new(*clientError)):
		return balancer.Failure{Outcome: pool.NotTried}, false
	case isConnectError(failed):
		f.Outcome = pool.ConnectFailed
		if e, ok := errors.AsType[*connectError](failed); ok && e.isLocal() {
			f.Outcome = pool.NotTried
		}
		var timeout net.Error
		f.TimedOut = errors.As(failed, &timeout) && timeout.Timeout()
		return f, x.h.retryOn.connect
	}
	return balancer.Failure{Outcome: pool.BrokenEarly, TimedOut: true}, x.h.retryOn.allows(failed) && x.requestBody.canReplay()
}

// attempt sends the request to the server of a lease. If the response has a status to retry on, it
// returns both the response and an error.
func (x *exchange) attempt(r *http.Request, lease *pool.Lease) (*http.Response, error) {
	to := x.target(lease.Server)
	ctx, cancel := context.WithCancelCause(context.WithValue(r.Context(), targetKey{}, to))
	out := r.WithContext(ctx)
	out.URL = new(url.URL)
	*out.URL = *r.URL
	out.URL.Scheme, out.URL.Host = "http", to.key()
	if x.requestBody != nil {
		out.Body = x.requestBody.reader()
	}
	if h := x.h.ServerHeader; h != "" {
		out.Header = out.Header.Clone()
		out.Header.Set(h, lease.Server.Name)
	}
	lease.OnEvict(pool.HolderFunc(func(pool.EvictReason) { cancel(errServerRemoved) }))
	response, err := x.h.transport.RoundTrip(out)
	if err != nil {
		cancel(nil)
		if x.requestBody.readError() != nil && x.ctx.Err() == nil {
			err = x.requestBody.readError()
		}
		return nil, err
	}
	lease.Reached()
	response.Body = x.wrapResponseBody(lease, response, cancel)
	if x.h.retryOn.statuses[response.StatusCode] {
		return response, &statusError{response.StatusCode}
	}
	return response, nil
}
