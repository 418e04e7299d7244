// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// These errors say why a client is no longer served.
var (
	errClientReset = errors.New("the client's connection broke while it waited for a server")
	errClientFin   = errors.New("the client left while it waited for a server")
)

// setGone marks the client as no longer to be served. Only the first call counts; it may come from
// another goroutine.
func (c *connection) setGone(why error) {
	c.goneOnce.Do(func() {
		c.goneCause = why
		close(c.gone)
	})
}

// goneErr returns why the client is no longer served, or nil.
func (c *connection) goneErr() error {
	select {
	case <-c.gone:
		return c.goneCause
	default:
		return nil
	}
}

// clientWatch is a context that ends when setGone is called. It starts to watch the client's
// socket when Done is first called, which means that the connection queues for a server, or when a
// connect takes long. An attempt that succeeds at once costs nothing.
type clientWatch struct {
	context.Context
	c        *connection
	untilFin bool // a client that has closed its sending side counts as gone

	mu       sync.Mutex
	watching bool
	done     sync.WaitGroup
}

// Done returns a channel that is closed when the client has left.
func (p *clientWatch) Done() <-chan struct{} {
	p.c.reach(tcplog.KilledQueue)
	p.start()
	return p.c.gone
}

// Err returns why the client is no longer served, or nil.
func (p *clientWatch) Err() error { return p.c.goneErr() }

// start starts to watch, unless it does already. It is safe for concurrent use.
func (p *clientWatch) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watching {
		return
	}
	p.watching = true
	p.done.Go(func() {
		if err := waitForLeaving(p.c.Conn, p.untilFin); err != nil {
			p.c.setGone(err)
		}
	})
}

// stop stops watching, so that the connection can be read again.
func (p *clientWatch) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.watching {
		return
	}
	_ = p.c.SetReadDeadline(time.Unix(1, 0))
	p.done.Wait()
	_ = p.c.SetReadDeadline(time.Time{})
	p.watching = false
}
