// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoad(t *testing.T) {
	var r Registry
	list := servers("a", "b", "c", "d")
	list[0].MaxConn, list[0].MaxQueue = 2, 5
	list[1].MaxConn, list[1].MaxQueue = 3, 1
	list[2].Disabled = true
	list[3].Backup = true
	p, err := r.Open(Config{Backend: "b", Servers: list, Policy: new(inOrder)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	check := func(step string, want Load) {
		t.Helper()
		got, ok := r.Load("b")
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: -want +got\n%s", step, diff)
		}
	}
	if _, ok := r.Load("b"); ok {
		t.Error("a backend that does not serve has a load")
	}
	p.Activate()
	check("idle, and a backup without limits", Load{Usable: 2, Free: 5, Slots: -1})
	if err := p.SetHealth("d", false); err != nil {
		t.Fatal(err)
	}
	check("the backup is down", Load{Usable: 2, Free: 5, Slots: 11})
	l := acquire(t, p, new(Request))
	check("one connection", Load{Usable: 2, Free: 4, Slots: 10})
	for _, name := range []string{"a", "b"} {
		if err := p.SetAdmin(name, Maint); err != nil {
			t.Fatal(err)
		}
	}
	check("nothing is usable", Load{})
	if err := p.SetHealth("d", true); err != nil {
		t.Fatal(err)
	}
	check("the backup has no limit", Load{Usable: 1, Free: -1, Slots: -1})
	l.Release(Served)
	if _, ok := r.Load("none"); ok {
		t.Error("a backend that there is not has a load")
	}
}

func TestLoadOfQueue(t *testing.T) {
	var r Registry
	list := servers("a")
	list[0].MaxConn = 1
	p, err := r.Open(Config{Backend: "b", Servers: list, Policy: new(inOrder)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	first := acquire(t, p, new(Request))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := p.Acquire(ctx, new(Request))
		done <- err
	}()
	for {
		if l, _ := r.Load("b"); l.Waiting == 1 {
			break
		}
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("it was served")
	}
	if l, _ := r.Load("b"); l.Waiting != 0 {
		t.Errorf("%d wait", l.Waiting)
	}
	first.Release(Served)
}

func TestServerLoad(t *testing.T) {
	var r Registry
	list := servers("a", "b")
	list[0].MaxConn, list[0].Weight = 2, 40
	p, err := r.Open(Config{Backend: "b", Servers: list, Policy: new(inOrder)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Activate()
	l := acquire(t, p, new(Request))
	if err := p.SetWeight("a", 10); err != nil {
		t.Fatal(err)
	}
	want := ServerLoad{Up: true, ID: 1, Sessions: 1, Free: 1, Weight: 10, ConfiguredWeight: 40, EffectiveWeight: 10, Rate: 1}
	if got, ok := r.ServerLoad(Ref{"b", "a"}); !ok || got != want {
		t.Errorf("%+v", got)
	}
	if err := p.SetHealth("b", false); err != nil {
		t.Fatal(err)
	}
	if got, ok := r.ServerLoad(Ref{"b", "b"}); !ok || !got.Up || got.Free != -1 { // it has no check
		t.Errorf("%+v", got)
	}
	if err := p.SetAdmin("b", Maint); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.ServerLoad(Ref{"b", "b"}); got.Up {
		t.Error("up in maintenance")
	}
	l.Release(Served)
	for _, ref := range []Ref{{"b", "x"}, {"x", "a"}} {
		if _, ok := r.ServerLoad(ref); ok {
			t.Errorf("%v has a load", ref)
		}
	}
}
