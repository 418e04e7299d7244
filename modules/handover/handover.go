// SPDX-License-Identifier: Apache-2.0

// Package handover keeps the requests of Caddy's http servers through a reload. When a server shuts
// down, net/http drops each HTTP/1.1 request that it has not read completely, and refuses the first
// requests of new HTTP/2 connections, whose clients must repeat them. So shutting down waits,
// briefly: new connections go to the next configuration, those without a request get time for their
// first one, and busy ones end with a response that says so. A request that a client sends
// while its idle connection is being closed is still lost.
package handover

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const (
	// firstRequestTime is the time that a connection has for its first request.
	firstRequestTime = time.Second
	// busyTime is the time for which each response ends its connection.
	busyTime = 100 * time.Millisecond
	// pollEvery is the time between two looks at the connections.
	pollEvery = 2 * time.Millisecond
)

// Servers are http servers of a configuration. The zero value has none. It is safe for concurrent
// use.
type Servers struct {
	ending atomic.Bool  // Finish has been called
	open   atomic.Int64 // connections

	mu      sync.Mutex
	watched map[*caddyhttp.Server]bool
	young   map[net.Conn]*connection // those without a request
}

// connection is a connection of an http server.
type connection struct {
	conn  net.Conn
	since time.Time
	asked atomic.Bool // it has made a request
}

// connectionKey is the key of the *connection in the context of a request.
type connectionKey struct{}

// Watch adds a server. It must be called while Caddy provisions; further calls for the same server
// have no effect.
func (s *Servers) Watch(server *caddyhttp.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watched[server] {
		return
	}
	if s.watched == nil {
		s.watched, s.young = make(map[*caddyhttp.Server]bool), make(map[net.Conn]*connection)
	}
	s.watched[server] = true
	server.RegisterConnState(s.noteState)
	server.RegisterConnContext(s.connContext())
}

// connContext returns the ConnContext hook of a server.
func (s *Servers) connContext() func(context.Context, net.Conn) context.Context {
	var once sync.Once
	return func(ctx context.Context, conn net.Conn) context.Context {
		once.Do(func() { // before any request
			server := ctx.Value(http.ServerContextKey).(*http.Server)
			server.Handler = &handler{s, server.Handler}
		})
		c := &connection{conn: conn, since: time.Now()}
		s.open.Add(1)
		s.mu.Lock()
		s.young[conn] = c
		s.mu.Unlock()
		return context.WithValue(ctx, connectionKey{}, c)
	}
}

// noteState forgets connections that have ended. It is the ConnState hook of a server.
func (s *Servers) noteState(conn net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		s.open.Add(-1)
		s.forget(conn)
	}
}

func (s *Servers) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.young, conn)
}

// handler handles the requests of a server.
type handler struct {
	s    *Servers
	next http.Handler
}

// ServeHTTP notes the first request of a connection. While its configuration ends, the response
// says that the connection ends, too: with HTTP/2, net/http makes a GOAWAY of that.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok && c.asked.CompareAndSwap(false, true) {
		h.s.forget(c.conn)
	}
	if h.s.ending.Load() && r.Header.Get("Upgrade") == "" && r.Method != http.MethodConnect {
		w.Header().Set("Connection", "close")
	}
	h.next.ServeHTTP(w, r)
}

// Finish returns when the servers may be shut down: at the latest after firstRequestTime, or when
// the process exits. New connections must go elsewhere from now on.
func (s *Servers) Finish() { s.finish(firstRequestTime) }

func (s *Servers) finish(most time.Duration) {
	s.mu.Lock()
	watching := len(s.watched) > 0
	s.mu.Unlock()
	if !watching {
		return
	}
	s.ending.Store(true)
	began := time.Now()
	time.Sleep(pollEvery) // for connections that are just being accepted
	for s.open.Load() > 0 && !caddy.Exiting() {
		if took := time.Since(began); took >= most || took >= busyTime && !s.anyYoung(most) {
			return
		}
		time.Sleep(pollEvery)
	}
}

// anyYoung reports whether a connection that is not older than most has made no request.
func (s *Servers) anyYoung(most time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.young {
		if time.Since(c.since) < most {
			return true
		}
	}
	return false
}
