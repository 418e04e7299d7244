// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

func TestMain(m *testing.M) { programs.VerifyNoLeaks(m) }

// waitingApp is an app that waits until its configuration runs.
type waitingApp struct {
	Fail bool `json:"fail,omitempty"`

	own  Config
	runs chan bool
}

// latest is the app that was provisioned last.
var latest atomic.Pointer[waitingApp]

func init() { caddy.RegisterModule(new(waitingApp)) }

func (*waitingApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "lifecycle_watcher", New: func() caddy.Module { return new(waitingApp) }}
}

func (w *waitingApp) Provision(ctx caddy.Context) error {
	child, _ := caddy.NewContext(ctx) // modules may have contexts of their own
	own, ok := ConfigOf(ctx)
	also, _ := ConfigOf(child)
	if !ok || own != also || own.Running() {
		return errors.New("wrong configuration, or it runs already")
	}
	w.own, w.runs = own, make(chan bool, 2)
	for _, c := range []context.Context{ctx, child} {
		go func() { w.runs <- w.own.Await(c) }()
	}
	latest.Store(w)
	return nil
}

func (w *waitingApp) Start() error {
	time.Sleep(20 * time.Millisecond)
	if len(w.runs) > 0 || w.own.Running() {
		return errors.New("the configuration runs before it has been started")
	}
	if w.Fail {
		return errors.New("asked to fail")
	}
	return nil
}

func (*waitingApp) Stop() error { return nil }

func TestRunning(t *testing.T) {
	load := func(app string) (*waitingApp, error) {
		err := caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "ERROR"}}}, "apps": {"lifecycle_watcher": `+app+`}}`), true)
		return latest.Load(), err
	}
	for range 3 {
		first, err := load(`{}`)
		if err != nil {
			t.Fatal(err)
		}
		if ran := []bool{<-first.runs, <-first.runs}; !first.own.Running() || slices.Contains(ran, false) {
			t.Errorf("the configuration does not run: %v", ran)
		}
		refused, err := load(`{"fail": true}`)
		if err == nil || refused == first {
			t.Error("it was not refused")
		}
		if ran := []bool{<-refused.runs, <-refused.runs}; slices.Contains(ran, true) || refused.own.Running() || !first.own.Running() {
			t.Errorf("the configuration that was refused runs: %v", ran)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		if first.own.Running() {
			t.Error("it runs after its end")
		}
	}
	if _, ok := ConfigOf(t.Context()); ok {
		t.Error("a context that is not Caddy's has a configuration")
	}
	if _, ok := ConfigOf(caddy.Context{Context: t.Context()}); ok {
		t.Error("a context without a configuration has one")
	}
}
