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

// replayed is up to how many bytes of a request's body are kept to be sent again. It is
// the size of HAProxy's buffer.
const replayed = 16 << 10

// buffers are for copying responses.
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

// upload is the body of a request, over all attempts.
type upload struct {
	body io.ReadCloser
	kept []byte // the whole body, if it may be sent again

	mu    sync.Mutex
	began bool
	err   error // of reading it
}

// newUpload returns the body of a request, and reads it where it may have to be sent
// again.
func newUpload(r *http.Request, on retryOn) *upload {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	u := &upload{body: r.Body}
	if on.replays() && r.ContentLength > 0 && r.ContentLength <= replayed {
		kept, err := io.ReadAll(r.Body)
		if err != nil {
			u.err = &clientError{err}
		}
		u.kept = kept
	}
	return u
}

// begin returns the body for an attempt. Its Close does nothing: there may be others.
func (u *upload) begin() io.ReadCloser {
	if u.kept != nil && u.err == nil {
		return io.NopCloser(bytes.NewReader(u.kept))
	}
	return io.NopCloser(u)
}

// again reports whether the body can be sent again.
func (u *upload) again() bool {
	if u == nil || u.kept != nil {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.began
}

func (u *upload) failed() error {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// Read reads from the client.
func (u *upload) Read(b []byte) (int, error) {
	u.mu.Lock()
	u.began = true
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

// download is the body of a response, or the connection that it was upgraded to.
type download struct {
	body   io.ReadCloser
	x      *exchange
	cancel context.CancelCauseFunc
	limit  time.Duration // how long the server may be silent; 0: for ever
	silent *time.Timer   // while it is waited for
	once   sync.Once

	outcome pool.Outcome
}

var errSilent = errors.New("the server has sent nothing for as long as timeouts.server")

// download wraps the body of a response so that it gives the server back at its end.
func (x *exchange) download(lease *pool.Lease, r *http.Response, cancel context.CancelCauseFunc) io.ReadCloser {
	t := &x.h.backend.Timeouts
	d := &download{body: r.Body, x: x, cancel: cancel, limit: max(0, time.Duration(t.Server))}
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
func (d *download) Read(b []byte) (int, error) {
	switch {
	case d.limit == 0:
	case d.silent == nil:
		d.silent = time.AfterFunc(d.limit, func() { d.cancel(errSilent) })
		defer d.silent.Stop()
	default:
		d.silent.Reset(d.limit)
		defer d.silent.Stop()
	}
	return d.body.Read(b)
}

// Close gives the server back.
func (d *download) Close() error {
	err := d.body.Close()
	d.once.Do(func() {
		d.cancel(context.Canceled)
		d.x.release(d.outcome)
	})
	return err
}

// tunnel is a connection that a request was upgraded to. It ends when neither side has
// sent anything for the limit.
type tunnel struct {
	*download
	stream io.ReadWriteCloser
	timer  *time.Timer // nil: it does not end
}

func newTunnel(d *download, stream io.ReadWriteCloser) *tunnel {
	t := &tunnel{download: d, stream: stream}
	if d.limit > 0 {
		t.timer = time.AfterFunc(d.limit, func() { _ = t.Close() })
	}
	// The transport no longer looks at the context of an upgraded connection.
	context.AfterFunc(d.x.ctx, func() { _ = t.Close() })
	return t
}

func (t *tunnel) active() {
	if t.timer != nil {
		t.timer.Reset(t.limit)
	}
}

func (t *tunnel) Read(b []byte) (int, error) {
	n, err := t.stream.Read(b)
	t.active()
	return n, err
}

func (t *tunnel) Write(b []byte) (int, error) {
	n, err := t.stream.Write(b)
	t.active()
	return n, err
}

// CloseWrite ends the direction to the server.
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
	return t.download.Close()
}
