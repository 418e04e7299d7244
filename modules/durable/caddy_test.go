// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

func init() { caddy.RegisterModule(new(answerApp)) }

// answerApp is a Caddy app that answers each connection with one byte.
type answerApp struct {
	Listen string `json:"listen,omitempty"`
	Answer byte   `json:"answer,omitempty"`
	Fail   bool   `json:"fail,omitempty"`  // Start fails after the app has begun to listen
	Taken  byte   `json:"taken,omitempty"` // the answer of a taker set with TakeFor; 0: no taker

	ctx       caddy.Context
	listeners []any
}

func (*answerApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "durable_answer", New: func() caddy.Module { return new(answerApp) }}
}

func (a *answerApp) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	if a.Taken == 0 {
		return nil
	}
	at, err := caddy.ParseNetworkAddress(a.Listen)
	TakeFor(ctx, a, at, func(s *relay.Socket) {
		_, _ = s.Write([]byte{a.Taken})
		s.Close()
	})
	return err
}

func (a *answerApp) Start() (err error) {
	a.listeners, err = startApp(a.ctx, a.Listen, a.Fail, func(ln net.Listener) { serve(ln, a.Answer) })
	return err
}

// startApp opens the listeners of an address and serves each of them. With fail, it returns an
// error after that.
func startApp(ctx caddy.Context, address string, fail bool, serve func(net.Listener)) ([]any, error) {
	addr, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		return nil, err
	}
	listeners, err := addr.ListenAll(ctx, net.ListenConfig{})
	if err != nil {
		return nil, err
	}
	for _, ln := range listeners {
		go serve(ln.(net.Listener))
	}
	if fail {
		time.Sleep(10 * time.Millisecond) // as if another app failed
		err = errors.New("asked to fail")
	}
	return listeners, err
}

func (a *answerApp) Stop() (err error) {
	for _, ln := range a.listeners {
		err = errors.Join(err, ln.(net.Listener).Close())
	}
	return err
}

func reload(port int, answer byte, fail bool) error {
	return answering(fmt.Sprintf("durable/127.0.0.1:%d", port), answer, fail)
}

// TestCaddyReload reloads a whole Caddy under load, and then loads a configuration that is refused.
func TestCaddyReload(t *testing.T) { eachWay(t, testCaddyReload, byAccept, mixed) }

func testCaddyReload(t *testing.T) {
	port := unused(t)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if err := reload(port, 1, false); err != nil {
		t.Fatal(err)
	}
	stop := load(address)
	for range reloads {
		time.Sleep(interval)
		if err := reload(port, 1, false); err != nil {
			t.Error(err)
		}
	}
	ok, lost := stop()
	report(t, ok, lost)

	if err := reload(port, 2, true); err == nil {
		t.Error("a config whose app fails was taken")
	}
	for end := time.Now().Add(patience); users(port) != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d users after the refused config, want 1", users(port))
		}
	}
	for range 200 {
		if got, err := ask(address); got != 1 || err != nil {
			t.Fatalf("got answer %d, %v from the refused config", got, err)
		}
	}

	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := users(port); n != 0 {
		t.Errorf("%d users after Caddy stopped", n)
	}
}

// Interface guards
var (
	_ caddy.App         = (*answerApp)(nil)
	_ caddy.Provisioner = (*answerApp)(nil)
)
