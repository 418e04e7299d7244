// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// server serves the clients of a socket.
type server struct {
	name    string // as show cli sockets shows it
	level   Level
	timeout time.Duration
	logger  *zap.Logger
	slots   chan struct{} // one for each client
	stopped chan struct{}
}

func newServer(name string, level Level, timeout time.Duration, maxConn int, logger *zap.Logger) *server {
	return &server{name: name, level: level, timeout: timeout, logger: logger, slots: make(chan struct{}, maxConn), stopped: make(chan struct{})}
}

// run accepts clients until the listener closes. Those above the limit wait in the listener's
// queue, as in HAProxy.
func (s *server) run(l net.Listener) {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.stopped:
			return
		}
		conn, err := l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.logger.Error("accepting clients of the socket", zap.Error(err))
			}
			return
		}
		go s.handle(conn)
	}
}

// handle serves a client.
func (s *server) handle(conn net.Conn) {
	defer func() { <-s.slots }()
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	newClient(s, conn).serve(ctx)
}

// servers are the servers whose sockets are open, for show cli sockets.
var servers struct {
	sync.Mutex
	open []*server
}

// open notes that the socket is open.
func (s *server) open() {
	servers.Lock()
	defer servers.Unlock()
	servers.open = append(servers.open, s)
}

// close notes that the socket is closed.
func (s *server) close() {
	close(s.stopped)
	servers.Lock()
	defer servers.Unlock()
	servers.open = slices.DeleteFunc(servers.open, func(o *server) bool { return o == s })
}

// openServers returns the servers, without those of an earlier configuration that a later one
// replaces.
func openServers() (open []*server) {
	servers.Lock()
	defer servers.Unlock()
	for i, s := range servers.open {
		if !slices.ContainsFunc(servers.open[:i], func(o *server) bool { return o.name == s.name }) {
			open = append(open, s)
		}
	}
	return open
}
