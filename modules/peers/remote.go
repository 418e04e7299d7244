// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bufio"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Errors that end connections.
var (
	errReplaced = errors.New("a newer connection replaces it")
	errStopped  = errors.New("the peer is no longer configured")
)

// remote is a peer, with the state that outlives connections.
type remote struct {
	Peer
	group  *Group
	shared []*shared
	ready  chan struct{} // of the feeds
	ended  chan struct{} // receives when a session ends
	cancel context.CancelFunc
	all    sync.WaitGroup // the goroutine that connects, and sessions

	mu         sync.Mutex
	stopped    bool
	session    *session // nil: none
	connecting context.CancelFunc
	lastError  error

	notUpToDate bool // guarded by the group's lock

	heartbeats, protocolErrors, collisions, connections, taught atomic.Uint64
}

// retryDelay returns how long to wait before the next attempt to connect. It is random, so that two
// peers do not replace each other's connections forever.
func retryDelay(least time.Duration) time.Duration {
	return least + 50*time.Millisecond + rand.N(time.Second) //nolint:gosec // it need not be a secret
}

// connect connects to the peer whenever there is no connection.
func (p *remote) connect(ctx context.Context) {
	for ctx.Err() == nil {
		delay := retryDelay(0)
		if !p.isConnected() {
			if err := p.attempt(ctx); err != nil {
				delay = retryDelay(reconnectDelay)
			}
		}
		for p.isConnected() && ctx.Err() == nil {
			select {
			case <-p.ended:
			case <-ctx.Done():
			}
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
}

func (p *remote) isConnected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session != nil
}

// attempt connects to the peer, and serves the connection until it ends. The error is one before
// that.
func (p *remote) attempt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	p.mu.Lock()
	p.connecting = cancel
	p.mu.Unlock()
	s, err := p.open(ctx)
	p.mu.Lock()
	p.connecting = nil
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		p.mu.Unlock()
		return nil // the peer has connected meanwhile
	}
	p.lastError = err
	p.mu.Unlock()
	if err != nil {
		p.group.note(p.Name, Refused, err)
		return err
	}
	p.serve(s)
	return nil
}

// open connects and does the handshake.
func (p *remote) open(ctx context.Context) (*session, error) {
	conn, err := p.Dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	h := hello{version: minorVersion, to: p.Name, from: p.group.local()}
	if p.isOld() {
		h.version = downgradedVersion
	}
	r := bufio.NewReaderSize(conn, maxMessage)
	if err := greet(conn, r, h); err != nil {
		_ = conn.Close()
		return nil, err
	}
	s := newSession(p, conn, r)
	s.outbound, s.downgraded = true, h.version == downgradedVersion
	return s, nil
}

// isOld reports whether the peer did not accept the current version.
func (p *remote) isOld() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var status StatusError
	return errors.As(p.lastError, &status) && status == statusVersion
}

// accept serves a connection that the peer has opened.
func (p *remote) accept(conn net.Conn, r *bufio.Reader, h hello) {
	s := newSession(p, conn, r)
	s.downgraded = h.downgraded
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		_ = conn.Close()
		return
	}
	p.all.Add(1)
	if p.connecting != nil {
		p.collisions.Add(1)
		p.connecting()
	}
	p.mu.Unlock()
	defer p.all.Done()
	if _, err := conn.Write([]byte("200\n")); err != nil {
		_ = conn.Close()
		return
	}
	p.serve(s)
}

// serve serves a connection. It replaces another one, as in HAProxy.
func (p *remote) serve(s *session) {
	p.mu.Lock()
	before := p.session
	if p.stopped {
		p.mu.Unlock()
		_ = s.conn.Close()
		return
	}
	p.session = s
	p.mu.Unlock()
	if before != nil {
		p.collisions.Add(1)
		before.end(errReplaced)
		<-before.done
	}
	p.connections.Add(1)
	p.group.note(p.Name, Up, nil)
	err := s.run()
	p.mu.Lock()
	if p.session == s {
		p.session = nil
	}
	p.lastError = err
	p.mu.Unlock()
	p.group.note(p.Name, Down, err)
	select {
	case p.ended <- struct{}{}:
	default:
	}
}

// stop ends the connection and waits for it.
func (p *remote) stop() {
	p.cancel()
	p.mu.Lock()
	p.stopped = true
	s := p.session
	p.mu.Unlock()
	if s != nil {
		s.end(errStopped)
	}
	p.all.Wait()
}
