// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// toSite hands the connection to the http server of a backend, and waits until it
// has ended there. False means that there is no such server.
func (c *connection) toSite(b *balancer.Backend) bool {
	c.stage = tcplog.KilledConnect
	c.record.Server, c.record.Address = "", inprocess.Network+"/"+b.Site
	v := &visit{Conn: c.cx.Conn, ahead: bytes.Clone(c.hello.Bytes()), closed: make(chan struct{})}
	switch err := inprocess.Deliver(b.Site, v, c.gone); {
	case errors.Is(err, inprocess.ErrGone):
		return true
	case err != nil:
		c.record.End, c.record.EndedBy, c.record.Error = tcplog.NoServer, relay.Proxy, err.Error()
		return false
	}
	c.forget()
	c.stage, c.record.Queue, c.record.Connect = tcplog.Killed, 0, 0
	<-v.closed
	c.broken = true // it is closed: nothing can be said to the client
	c.record.Relayed(v.result())
	return true
}

// visit is a client's connection while an http server has it.
type visit struct {
	net.Conn
	in, out atomic.Int64

	mu     sync.Mutex
	ahead  []byte // what has been read from the client already
	broken error  // of the client's connection

	once   sync.Once
	closed chan struct{}
}

// Read returns first what the frontend has read.
func (v *visit) Read(b []byte) (n int, err error) {
	if n = v.readAhead(b); n == 0 {
		n, err = v.Conn.Read(b)
	}
	v.in.Add(int64(n))
	v.note(err)
	return n, err
}

func (v *visit) readAhead(b []byte) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := copy(b, v.ahead)
	if v.ahead = v.ahead[n:]; len(v.ahead) == 0 {
		v.ahead = nil
	}
	return n
}

func (v *visit) Write(b []byte) (int, error) {
	n, err := v.Conn.Write(b)
	v.out.Add(int64(n))
	v.note(err)
	return n, err
}

// note takes note of an error that is the client's doing.
func (v *visit) note(err error) {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	v.mu.Lock()
	v.broken = err
	v.mu.Unlock()
}

// CloseWrite ends the direction to the client.
func (v *visit) CloseWrite() error {
	if half, ok := v.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close gives the connection back to its frontend, which logs it.
func (v *visit) Close() error {
	err := v.Conn.Close()
	v.once.Do(func() { close(v.closed) })
	return err
}

// result is how the visit went.
func (v *visit) result() relay.Result {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := relay.Result{By: relay.Server, Cause: relay.Closed, In: v.in.Load(), Out: v.out.Load()}
	if v.broken != nil {
		r.By, r.Cause, r.Err = relay.Client, relay.Reset, v.broken
	}
	return r
}

// Interface guard
var _ net.Conn = (*visit)(nil)
