// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

func init() {
	caddy.RegisterModule(new(frontApp))
	caddy.RegisterModule(new(behindApp))
}

// unfiltered is the answer to a connection that no front has passed on.
const unfiltered = 255

// frontApp is an app that passes all connections on.
type frontApp struct {
	Listen string `json:"listen,omitempty"`

	ctx       caddy.Context
	listeners []any
	refused   atomic.Int64
}

// fromFront is a connection that a frontApp has passed on.
type fromFront struct{ net.Conn }

func (*frontApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "durable_front", New: func() caddy.Module { return new(frontApp) }}
}

func (a *frontApp) Provision(ctx caddy.Context) error {
	a.ctx = WithOptions(ctx, Options{Front: true})
	contextOfFront = ctx
	return nil
}

func (a *frontApp) Start() error {
	if a.Listen == "" {
		return nil
	}
	addr, err := caddy.ParseNetworkAddress(a.Listen)
	if err != nil {
		return err
	}
	if a.listeners, err = addr.ListenAll(a.ctx, net.ListenConfig{}); err != nil {
		return err
	}
	for _, opened := range a.listeners {
		ln := opened.(net.Listener)
		pass := func(conn net.Conn) {
			if !passOn(ln, fromFront{conn}) {
				a.refused.Add(1)
				conn.Close()
			}
		}
		if takes() {
			TakeBy(ln, func(s *relay.Socket) { pass(s) })
		}
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				pass(conn)
			}
		}()
	}
	return nil
}

func (a *frontApp) Stop() error {
	if n := a.refused.Load(); n > 0 {
		lastRefused.Add(n)
	}
	return closeAll(a.listeners)
}

// contextOfFront is that of the last frontApp.
var contextOfFront caddy.Context

// lastRefused counts the connections that frontApps could not pass on.
var lastRefused atomic.Int64

func closeAll(listeners []any) (err error) {
	for _, ln := range listeners {
		err = errors.Join(err, ln.(net.Listener).Close())
	}
	if hold := holdStop.Load(); hold != nil {
		<-*hold
	}
	return err
}

// holdStop, if not nil, delays Stop of both apps after it has closed the listeners.
var holdStop atomic.Pointer[chan struct{}]

// behindApp is an app that answers the connections passed on with a byte, and others with
// unfiltered.
type behindApp struct {
	Listen string `json:"listen,omitempty"`
	Answer byte   `json:"answer,omitempty"`
	Alone  bool   `json:"alone,omitempty"` // it answers all connections with Answer
	Fail   bool   `json:"fail,omitempty"`

	ctx       caddy.Context
	listeners []any
}

func (*behindApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "durable_behind", New: func() caddy.Module { return new(behindApp) }}
}

func (a *behindApp) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	return nil
}

func (a *behindApp) Start() (err error) {
	a.listeners, err = startApp(a.ctx, a.Listen, a.Fail, a.serve)
	return err
}

func (a *behindApp) serve(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		answer := a.Answer
		if _, ok := conn.(fromFront); !ok && !a.Alone {
			answer = unfiltered
		}
		_, _ = conn.Write([]byte{answer})
		conn.Close()
	}
}

func (a *behindApp) Stop() error { return closeAll(a.listeners) }

// loadShape loads a configuration of a shape: both, or the app behind alone.
func loadShape(address string, both bool, answer byte, fail bool) error {
	front := ""
	if both {
		front = fmt.Sprintf(`"durable_front": {"listen": %q},`, address)
	}
	return caddy.Load(fmt.Appendf(nil, `{
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "ERROR"}}},
		"apps": {%s "durable_behind": {"listen": %q, "answer": %d, "alone": %t, "fail": %t}}
	}`, front, address, answer, !both, fail), true)
}

// A front gets all fresh connections and the other listener all that it passes on, during reloads
// and in whichever order Caddy starts and stops the two.
func TestFrontAcrossReloads(t *testing.T) {
	eachWay(t, testFrontAcrossReloads, byAccept, byTaker, mixed)
}

func testFrontAcrossReloads(t *testing.T) {
	lastRefused.Store(0)
	port := unused(t)
	for _, address := range []string{"durable/" + programs.Address(t), "durable/unix/" + filepath.Join(t.TempDir(), "s"), fmt.Sprintf("durable/:%d", port)} {
		to := strings.Replace(address, "durable/:", "durable/127.0.0.1:", 1)
		if err := loadShape(address, true, 1, false); err != nil {
			t.Fatal(err)
		}
		var wrong atomic.Int64
		stop := loadBy(func() (byte, error) {
			got, err := ask(to)
			if err == nil && (got == unfiltered || got == 2) {
				wrong.Add(1)
			}
			return got, err
		})
		for i := range 30 {
			answer := byte(3 + i)
			if err := loadShape(address, i%5 != 4, answer, false); err != nil { // each fifth without a front
				t.Fatal(err)
			}
			if got, err := ask(to); err != nil || got != answer {
				t.Errorf("%s, reloaded: %d, %v, want %d", address, got, err, answer)
			}
			if i%5 == 0 {
				if err := loadShape(address, true, 2, true); err == nil {
					t.Error("a configuration whose app fails was taken")
				}
			}
		}
		ok, lost := stop()
		t.Logf("%s: %d connections served, %d lost", address, ok, len(lost))
		if len(lost) > 0 || ok == 0 || wrong.Load() > 0 || lastRefused.Load() > 0 {
			t.Errorf("%s: %d served unfiltered or by a refused configuration, %d not passed on, lost: %v", address, wrong.Load(), lastRefused.Load(), lost)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := ask(to); err == nil {
			t.Errorf("%s is still there", address)
		}
	}
}

// When one of the two is stopped and the other is not yet, as with the option shutdown_delay of the
// http app, the next configuration gets the connections.
func TestFrontIsReplacedAsAWhole(t *testing.T) {
	address := "durable/" + programs.Address(t)
	if err := loadShape(address, true, 1, false); err != nil {
		t.Fatal(err)
	}
	for answer := byte(2); answer < 12; answer++ { // the order in which Caddy stops apps is random
		hold, loaded := make(chan struct{}), make(chan error)
		holdStop.Store(&hold)
		go func() { loaded <- loadShape(address, true, answer, false) }()
		for got := byte(0); got != answer; {
			var err error
			if got, err = ask(address); err != nil {
				t.Errorf("configuration %d: %v", answer, err)
				break
			}
		}
		holdStop.Store(nil)
		close(hold)
		if err := <-loaded; err != nil {
			t.Fatal(err)
		}
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
}

// When a front closes and no other configuration has the address, connections that it was waiting
// for still reach the listener behind it, and those that it has not accepted do not.
func TestFrontClosesFirst(t *testing.T) {
	if err := loadShape("durable/"+programs.Address(t), true, 1, false); err != nil { // for a context
		t.Fatal(err)
	}
	at := caddy.NetworkAddress{Network: "durable", Host: "127.0.0.1", StartPort: uint(unused(t))}
	at.EndPort = at.StartPort
	open := func(ctx caddy.Context) net.Listener {
		ln, err := at.Listen(ctx, 0, net.ListenConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return ln.(net.Listener)
	}
	behind, front := open(contextOfFront), open(WithOptions(contextOfFront, Options{Front: true}))
	if _, err := at.Listen(contextOfFront, 0, net.ListenConfig{}); !errors.Is(err, errNotShared) {
		t.Errorf("a third listener: %v", err)
	}
	const clients = 3
	for range clients {
		dial(t, front)
	}
	s := front.(*listener).sock
	eventually(t, "the connections are queued", func() bool { return s.inFlight.Load() == clients })
	conn, err := front.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		got, err := behind.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- got
	}()
	if err := front.Close(); err != nil {
		t.Fatal(err)
	}
	if !passOn(front, fromFront{conn}) {
		t.Error("it was not passed on")
	}
	if got := <-accepted; got != net.Conn(fromFront{conn}) {
		t.Errorf("accepted %v, want the connection that was passed on", got)
	}
	if err := behind.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := behind.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepted %v, %v, want none", got, err)
	}
	for range clients - 1 {
		if _, err := front.Accept(); err != nil {
			t.Error(err)
		}
	}
	if passOn(front, conn) {
		t.Error("it was passed on to a closed listener")
	}
	noneInFlight(t, s)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
}

// HandOver passes the address of a configuration to the next user while its listener is open.
func TestHandOver(t *testing.T) { eachWay(t, testHandOver, byAccept, byTaker) }

func testHandOver(t *testing.T) {
	if err := loadShape("durable/"+programs.Address(t), true, 1, false); err != nil { // for a context
		t.Fatal(err)
	}
	at := caddy.NetworkAddress{Network: "durable", Host: "127.0.0.1", StartPort: uint(unused(t))}
	at.EndPort = at.StartPort
	user := func(ctx context.Context, answer byte) net.Listener {
		ln, err := at.Listen(ctx, 0, net.ListenConfig{})
		if err != nil {
			t.Fatal(err)
		}
		go serve(ln.(net.Listener), answer)
		return ln.(net.Listener)
	}
	answers := func(when string, want byte) {
		t.Helper()
		for range 5 {
			if got, err := ask(at.JoinHostPort(0)); err != nil || got != want {
				t.Errorf("%s: %d, %v, want %d", when, got, err, want)
			}
		}
	}
	first := user(contextOfFront, 1)
	HandOver(contextOfFront)
	answers("no other user", 1)
	second := user(t.Context(), 2)
	answers("two users", 1)
	HandOver(t.Context()) // not of Caddy
	answers("not handed over", 1)
	HandOver(contextOfFront)
	answers("handed over", 2)
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	answers("closed", 2)
	if err := errors.Join(second.Close(), caddy.Stop()); err != nil {
		t.Error(err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within time: ", what)
		}
	}
}

// noneInFlight waits until all accepted connections of the sockets are taken.
func noneInFlight(t *testing.T, of ...*socket) {
	t.Helper()
	for _, s := range of {
		for end := time.Now().Add(patience); s.inFlight.Load() != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%v has %d connections in flight", s.key, s.inFlight.Load())
			}
		}
	}
}

// openLater returns a user that is not active, like one of a configuration that does not run yet.
func openLater(t *testing.T, port int) net.Listener {
	ln := open(t, port)
	l := ln.(*listener)
	l.sock.mu.Lock()
	defer l.sock.mu.Unlock()
	l.active = false
	return ln
}
