// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// maxReplay bounds the bytes of a first request that are kept for another server.
const maxReplay = 64 << 10

// siteConn is a client's connection while an http server serves it.
//
// A server of package net/http that shuts down closes connections whose first request it has not
// begun to serve, even if it has just accepted them. To a client, the reload would have lost its
// connection. Such a connection is untouched: it stays open and goes to the next server, with all
// bytes from the first on.
type siteConn struct {
	net.Conn
	out atomic.Int64

	reading sync.Mutex // held during Read

	mu         sync.Mutex
	ahead      []byte // read from the client, but not by the server yet
	replay     []byte // read by the server before its first Write
	in         int64
	started    bool  // the server has begun to serve, or has read over maxReplay
	readFailed bool  // the last Read had an error
	clientErr  error // the error of the client's connection

	once      sync.Once
	closed    chan struct{}
	untouched bool // set before closed is closed
}

func newSiteConn(client net.Conn, ahead []byte) *siteConn {
	return &siteConn{Conn: client, ahead: ahead, closed: make(chan struct{})}
}

// reopen returns the same connection for another server.
func (v *siteConn) reopen() *siteConn {
	v.reading.Lock() // the server may still be reading: Close has ended that
	defer v.reading.Unlock()
	_ = v.Conn.SetDeadline(time.Time{})
	return newSiteConn(v.Conn, append(v.replay, v.ahead...))
}

// Read returns what the frontend has read, then what the client sends.
func (v *siteConn) Read(b []byte) (n int, err error) {
	v.reading.Lock()
	defer v.reading.Unlock()
	if n = v.takeAhead(b); n == 0 {
		n, err = v.Conn.Read(b)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.in += int64(n)
	if !v.started {
		v.replay = append(v.replay, b[:n]...)
		v.started = len(v.replay) > maxReplay
	}
	v.readFailed = err != nil
	v.noteError(err)
	return n, err
}

// takeAhead copies bytes that have been read ahead. A Read after the whole head of a request means
// that the server has begun to serve it.
func (v *siteConn) takeAhead(b []byte) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.started = v.started || hasHead(v.replay)
	n := copy(b, v.ahead)
	if v.ahead = v.ahead[n:]; len(v.ahead) == 0 {
		v.ahead = nil
	}
	return n
}

// hasHead reports whether b holds the whole head of a request.
func hasHead(b []byte) bool {
	return bytes.Contains(b, []byte("\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

// hasBody reports whether a request has a body, so that it may be served without another Read.
func hasBody(b []byte) bool {
	b = bytes.ToLower(b)
	return bytes.Contains(b, []byte("\ncontent-length:")) || bytes.Contains(b, []byte("\ntransfer-encoding:"))
}

func (v *siteConn) Write(b []byte) (int, error) {
	n, err := v.Conn.Write(b)
	v.out.Add(int64(n))
	v.mu.Lock()
	v.started, v.replay = true, nil
	v.noteError(err)
	v.mu.Unlock()
	return n, err
}

// noteError keeps an error that the client has caused. The caller holds the lock.
func (v *siteConn) noteError(err error) {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	v.clientErr = err
}

// CloseWrite closes the sending side towards the client.
func (v *siteConn) CloseWrite() error { return closeWrite(v.Conn) }

// Close returns the connection to its frontend. If it is untouched it stays open.
func (v *siteConn) Close() (err error) {
	v.once.Do(func() {
		v.mu.Lock()
		v.untouched = !v.started && !v.readFailed && (!hasHead(v.replay) || !hasBody(v.replay))
		v.mu.Unlock()
		if v.untouched {
			err = v.Conn.SetDeadline(time.Unix(1, 0)) // ends a pending Read
		} else {
			err = v.Conn.Close()
		}
		close(v.closed)
	})
	return err
}

// result returns how the connection ended and its byte counts.
func (v *siteConn) result() relay.Result {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := relay.Result{By: relay.Server, Cause: relay.Closed, In: v.in, Out: v.out.Load()}
	if v.clientErr != nil {
		r.By, r.Cause, r.Err = relay.Client, relay.Reset, v.clientErr
	}
	return r
}

// Interface guard
var _ net.Conn = (*siteConn)(nil)
