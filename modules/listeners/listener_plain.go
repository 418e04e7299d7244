// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

// plainListener is the http server's view of a listener that is not durable, or that another
// wrapper returned.
type plainListener struct {
	net.Listener
	entry  *frontend.Entry
	passed chan accepted
	closed chan struct{}
	once   sync.Once
}

// accepted is a result of Accept.
type accepted struct {
	conn net.Conn
	err  error
}

// plainListeners holds the open ones by address, the oldest first.
var plainListeners = struct {
	sync.Mutex
	open map[string][]*plainListener
}{open: make(map[string][]*plainListener)}

func newPlainListener(ln net.Listener, f *frontend.Frontend) *plainListener {
	l := &plainListener{Listener: ln, passed: make(chan accepted), closed: make(chan struct{})}
	l.entry = f.Entry(frontend.EntryConfig{Next: l.pass})
	plainListeners.Lock()
	plainListeners.open[l.key()] = append(plainListeners.open[l.key()], l)
	plainListeners.Unlock()
	go l.run()
	return l
}

// run accepts connections until the listener is closed, and starts a goroutine for each.
func (l *plainListener) run() {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			go l.entry.Serve(conn, time.Now())
			continue
		}
		select {
		case l.passed <- accepted{err: err}: // the http server waits before it calls Accept again
		case <-l.closed:
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// Accept returns the next connection that the frontend passes on, or an error of the listener.
func (l *plainListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.passed:
		return a.conn, a.err
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// pass returns a connection from Accept. If the http server has stopped while the client was waited
// for, that of the next configuration at the same address gets it. It returns false if there is
// none.
func (l *plainListener) pass(conn net.Conn) bool {
	for l != nil {
		select {
		case l.passed <- accepted{conn: conn}:
			return true
		case <-l.closed:
			l = l.latest()
		}
	}
	return false
}

// latest returns the newest open listener at the address, or nil.
func (l *plainListener) latest() *plainListener {
	plainListeners.Lock()
	defer plainListeners.Unlock()
	open := plainListeners.open[l.key()]
	if len(open) == 0 {
		return nil
	}
	return open[len(open)-1]
}

// Close closes the listener. Connections whose client is waited for go on.
func (l *plainListener) Close() error {
	l.once.Do(func() {
		plainListeners.Lock()
		open := slices.DeleteFunc(plainListeners.open[l.key()], func(other *plainListener) bool { return other == l })
		if plainListeners.open[l.key()] = open; len(open) == 0 {
			delete(plainListeners.open, l.key())
		}
		plainListeners.Unlock()
		close(l.closed)
	})
	return l.Listener.Close()
}

func (l *plainListener) key() string { return l.Addr().Network() + "/" + l.Addr().String() }

// Interface guard
var _ net.Listener = (*plainListener)(nil)
