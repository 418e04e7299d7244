// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Why a client is not served.
var (
	errClientReset = errors.New("the client's connection broke while it waited for a server")
	errClientFin   = errors.New("the client left while it waited for a server")
	errKilled      = errors.New("ended from outside while it waited for a server")
)

// setGone notes that the client is not to be served any more. Only the first call
// counts; it may come from another goroutine.
func (c *connection) setGone(why error) {
	c.goneOnce.Do(func() {
		c.goneCause = why
		close(c.gone)
	})
}

// goneErr returns why the client is not to be served any more; nil: it is.
func (c *connection) goneErr() error {
	select {
	case <-c.gone:
		return c.goneCause
	default:
		return nil
	}
}

// clientWatch is a context that ends when the client has departed. It begins to look
// whether the client is still there when it is first asked for Done, which is when
// the connection has to wait for a server, or when a connect takes long: what is had
// at once costs nothing.
type clientWatch struct {
	context.Context
	c        *connection
	untilFin bool // a client that has closed its direction has left

	mu       sync.Mutex
	watching bool
	done     sync.WaitGroup
}

// Done is closed when the client has departed.
func (p *clientWatch) Done() <-chan struct{} {
	p.c.endIfKilled = tcplog.KilledQueue
	p.start()
	return p.c.gone
}

// Err says how the client has departed.
func (p *clientWatch) Err() error { return p.c.goneErr() }

// start begins to look. It is safe for concurrent use.
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

// stop stops looking, so that the connection can be read from by others.
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
