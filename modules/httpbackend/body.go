// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// maxReplay is the maximum size of a request body that is kept to be sent again. It is the size of
// HAProxy's buffer.
const maxReplay = 16 << 10

// buffers are used to copy responses.
var buffers bufferPool

type bufferPool struct{ sync.Pool }

func (p *bufferPool) Get() []byte {
	if b, ok := p.Pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

func (p *bufferPool) Put(b []byte) { p.Pool.Put(&b) }

// clientError is a failure to read the request's body.
type clientError struct{ error }

func (e *clientError) Unwrap() error { return e.error }

func (e *clientError) status() int {
	var timeout interface{ Timeout() bool }
	if errors.As(e.error, &timeout) && timeout.Timeout() {
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

// requestBody is the body of a request, for all attempts.
type requestBody struct {
	body     io.ReadCloser
	buffered []byte // the whole body, if it may be sent again

	mu        sync.Mutex
	readBegun bool
	err       error // of reading it
}

// newRequestBody returns the body of a request. It reads the body if it may have to be sent again.
func newRequestBody(r *http.Request, on retryOn) *requestBody {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	u := &requestBody{body: r.Body}
	if on.mayReplay() && r.ContentLength > 0 && r.ContentLength <= maxReplay {
		kept, err := io.ReadAll(r.Body)
		if err != nil {
			u.err = &clientError{err}
		}
		u.buffered = kept
	}
	return u
}

// reader returns the body for an attempt. Its Close does nothing, as other attempts may follow.
func (u *requestBody) reader() io.ReadCloser {
	if u.buffered != nil && u.err == nil {
		return io.NopCloser(bytes.NewReader(u.buffered))
	}
	return io.NopCloser(u)
}

// canReplay reports whether the body can be sent again.
func (u *requestBody) canReplay() bool {
	if u == nil || u.buffered != nil {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.readBegun
}

func (u *requestBody) readError() error {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// Read reads from the client.
func (u *requestBody) Read(b []byte) (int, error) {
	u.mu.Lock()
	u.readBegun = true
	err := u.err
	u.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := u.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &clientError{err}
		u.mu.Lock()
		u.err = err
		u.mu.Unlock()
	}
	return n, err
}

// responseBody is the body of a response, or the connection that it was upgraded to.
type responseBody struct {
	body   io.ReadCloser
	x      *exchange
	cancel context.CancelCauseFunc
	limit  time.Duration // for the server to send something; 0: none
	timer  *time.Timer   // runs during a Read
	once   sync.Once

	outcome pool.Outcome
}

var errServerTimeout = errors.New("the server has sent nothing for as long as timeouts.server")

// wrapResponseBody wraps the body of a response so that its Close releases the server.
func (x *exchange) wrapResponseBody(lease *pool.Lease, r *http.Response, cancel context.CancelCauseFunc) io.ReadCloser {
	t := &x.h.backend.Timeouts
	d := &responseBody{body: r.Body, x: x, cancel: cancel, limit: max(0, time.Duration(t.Server))}
	switch s := r.StatusCode; { // as in HAProxy's observe layer7
	case s < http.StatusInternalServerError, s == http.StatusNotImplemented, s == http.StatusHTTPVersionNotSupported:
		lease.Answered()
	default:
		d.outcome = pool.BrokenEarly
	}
	if stream, ok := r.Body.(io.ReadWriteCloser); ok && r.StatusCode == http.StatusSwitchingProtocols {
		if t.Tunnel != 0 {
			d.limit = max(0, time.Duration(t.Tunnel))
		}
		return newTunnel(d, stream)
	}
	return d
}

// Read reads from the server.
func (d *responseBody) Read(b []byte) (int, error) {
	switch {
	case d.limit == 0:
	case d.timer == nil:
		d.timer = time.AfterFunc(d.limit, func() { d.cancel(errServerTimeout) })
		defer d.timer.Stop()
	default:
		d.timer.Reset(d.limit)
		defer d.timer.Stop()
	}
	return d.body.Read(b)
}

// Close releases the server.
func (d *responseBody) Close() error {
	err := d.body.Close()
	d.once.Do(func() {
		d.cancel(context.Canceled)
		d.x.release(d.outcome)
	})
	return err
}

// tunnel is a connection that a request was upgraded to. It ends when neither side has sent
// anything for the limit.
type tunnel struct {
	*responseBody
	stream io.ReadWriteCloser
	timer  *time.Timer // nil: no limit
}

func newTunnel(d *responseBody, stream io.ReadWriteCloser) *tunnel {
	t := &tunnel{responseBody: d, stream: stream}
	if d.limit > 0 {
		t.timer = time.AfterFunc(d.limit, func() { _ = t.Close() })
	}
	// The transport ignores the context of an upgraded connection.
	context.AfterFunc(d.x.ctx, func() { _ = t.Close() })
	return t
}

func (t *tunnel) resetTimer() {
	if t.timer != nil {
		t.timer.Reset(t.limit)
	}
}

func (t *tunnel) Read(b []byte) (int, error) {
	n, err := t.stream.Read(b)
	t.resetTimer()
	return n, err
}

func (t *tunnel) Write(b []byte) (int, error) {
	n, err := t.stream.Write(b)
	t.resetTimer()
	return n, err
}

// CloseWrite shuts down the direction to the server.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.stream.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (t *tunnel) Close() error {
	if t.timer != nil {
		t.timer.Stop()
	}
	return t.responseBody.Close()
}
