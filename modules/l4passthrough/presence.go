// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Why a client does not wait any longer.
var (
	errClientReset = errors.New("the client's connection broke while it waited for a server")
	errClientFin   = errors.New("the client left while it waited for a server")
	errKilled      = errors.New("ended from outside while it waited for a server")
)

// presence is a context that ends when the client leaves, or is made to. It begins
// to look when it is first asked for Done: that is when the connection has to wait
// for a server.
type presence struct {
	context.Context
	conn     net.Conn
	untilFin bool // a client that has closed its direction has left

	killed <-chan struct{}

	done    chan struct{}
	stopped chan struct{}
	over    sync.WaitGroup
	err     error // set before done is closed
}

// Done is closed when the client has left. It is called by one goroutine.
func (p *presence) Done() <-chan struct{} {
	if p.done == nil {
		p.done, p.stopped = make(chan struct{}), make(chan struct{})
		p.over.Go(func() {
			if p.err = watch(p.conn, p.untilFin); p.err == nil { // it does not see more
				select {
				case <-p.killed:
					p.err = errKilled
				case <-p.stopped:
					return
				}
			}
			close(p.done)
		})
	}
	return p.done
}

// Err says how the client has left.
func (p *presence) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// end stops looking.
func (p *presence) end() {
	if p.done == nil {
		return
	}
	close(p.stopped)
	_ = p.conn.SetReadDeadline(time.Unix(1, 0))
	p.over.Wait()
	_ = p.conn.SetReadDeadline(time.Time{})
}
