// SPDX-License-Identifier: Apache-2.0

// Package inprocess registers the Caddy network "passthrough": listeners without a socket, which
// get connections from the frontends of the same process. An address is passthrough/NAME; an http
// server that listens there serves what a frontend sends to it. Several configurations may listen
// on one name at a time, as during a reload. The oldest gets the connections until it closes, so
// that a configuration that is refused never gets any; a connection that is being handed over then
// goes to the next. Nothing is queued: a connection belongs to its frontend until a listener has
// accepted it.
package inprocess

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// Network is the name of the network.
const Network = "passthrough"

func init() {
	caddy.RegisterNetwork(Network, listen)
}

// Errors of Deliver.
var (
	// ErrNoListener means that no listener has the name.
	ErrNoListener = errors.New("no http server of the configuration listens there")
	// ErrGone means that the connection was given up.
	ErrGone = errors.New("the connection was given up")
)

// registry holds the listeners of each name, the oldest first.
var registry = struct {
	sync.Mutex
	listeners map[string][]*listener
}{listeners: make(map[string][]*listener)}

// Deliver hands a connection to the listener of a name. It returns once the listener has accepted
// it, with a channel that is closed when the listener closes. It waits until gone is closed. It is
// safe for concurrent use.
func Deliver(name string, conn net.Conn, gone <-chan struct{}) (closed <-chan struct{}, err error) {
	for {
		l := oldest(name)
		if l == nil {
			return nil, fmt.Errorf("%s/%s: %w", Network, name, ErrNoListener)
		}
		select {
		case l.conns <- conn:
			return l.closed, nil
		case <-l.left: // the next listener's turn
		case <-gone:
			return nil, ErrGone
		}
	}
}

// Listening reports whether anything listens on a name.
func Listening(name string) bool { return oldest(name) != nil }

func oldest(name string) *listener {
	registry.Lock()
	defer registry.Unlock()
	if all := registry.listeners[name]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// listen opens a listener: Caddy calls it for the network. It ignores the port, which the sites of
// a Caddyfile have. The listener closes with ctx: Caddy does not stop an app that fails to start.
func listen(ctx context.Context, network, host, _ string, _ uint, _ net.ListenConfig) (any, error) {
	if host == "" {
		return nil, fmt.Errorf("listening on %q: expected %s/NAME", network+"/", Network)
	}
	l := &listener{name: host, conns: make(chan net.Conn), left: make(chan struct{}), closed: make(chan struct{})}
	l.config, l.hasConfig = lifecycle.ConfigOf(ctx)
	registry.Lock()
	registry.listeners[host] = append(registry.listeners[host], l)
	registry.Unlock()
	l.stop = context.AfterFunc(ctx, l.end)
	return l, nil
}

// listener is one configuration's listener of a name. It is safe for concurrent use.
type listener struct {
	name   string
	conns  chan net.Conn
	left   chan struct{} // closed when other listeners get the connections
	closed chan struct{}

	config    lifecycle.Config // valid if hasConfig
	hasConfig bool

	once        sync.Once   // of end
	closeCalled atomic.Bool // the end of the context may have closed it before
	stop        func() bool
}

// Accept waits for a connection of a frontend. Its only error is net.ErrClosed.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, l.closedError("accept")
	}
}

// Close ends Accept. Connections that have not been accepted go to the next listener of the name.
func (l *listener) Close() error {
	if l.stop != nil {
		l.stop()
	}
	l.end()
	if !l.closeCalled.CompareAndSwap(false, true) {
		return l.closedError("close")
	}
	return nil
}

// end closes the listener, if it is not closed yet.
func (l *listener) end() {
	l.once.Do(func() {
		registry.Lock()
		l.leave()
		registry.Unlock()
		close(l.closed)
	})
}

// leave ends the listener's turn. The caller holds the registry's lock.
func (l *listener) leave() {
	all := registry.listeners[l.name]
	i := slices.Index(all, l)
	if i < 0 {
		return
	}
	if registry.listeners[l.name] = slices.Delete(all, i, i+1); len(all) == 1 {
		delete(registry.listeners, l.name)
	}
	close(l.left)
}

// HandOver passes the names of a configuration that is about to stop to the next one, if that has
// them as well: from now on it gets their connections. ctx is of the configuration that stops.
func HandOver(ctx context.Context) {
	config, ok := lifecycle.ConfigOf(ctx)
	if !ok {
		return
	}
	of := func(l *listener) bool { return l.hasConfig && l.config == config }
	registry.Lock()
	defer registry.Unlock()
	for _, all := range registry.listeners {
		if !slices.ContainsFunc(all, func(l *listener) bool { return !of(l) }) {
			continue
		}
		for _, l := range slices.Clone(all) {
			if of(l) {
				l.leave()
			}
		}
	}
}

func (l *listener) closedError(op string) error {
	return &net.OpError{Op: op, Net: Network, Addr: l.Addr(), Err: net.ErrClosed}
}

// Addr returns the address passthrough/NAME.
func (l *listener) Addr() net.Addr { return address(l.name) }

// address is the address of a listener.
type address string

func (address) Network() string  { return Network }
func (a address) String() string { return string(a) }

// Interface guards
var (
	_ net.Listener       = (*listener)(nil)
	_ caddy.ListenerFunc = listen
)
