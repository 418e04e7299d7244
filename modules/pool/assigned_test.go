// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A request that names its server gets that server, whatever its weight, until the server is gone
// or has failed.
func TestAssignedServer(t *testing.T) {
	r := new(Registry)
	c := Config{Backend: "b", Servers: servers("s1", "s2"), Policy: new(inOrder)}
	c.Servers[1].Weight = 0
	p, err := r.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, step := range []struct {
		what       string
		admin      Admin
		persistent bool
		avoid      bool
		want       string
	}{
		{what: "weight 0", want: "s2"},
		{what: "drained", admin: Drain, want: "s2"},
		{what: "in maintenance", admin: Maint, want: "s1"},
		{what: "in maintenance, persistent", admin: Maint, persistent: true, want: "s2"},
		{what: "failed", avoid: true, want: "s1"},
	} {
		if err := p.SetAdmin("s2", step.admin); err != nil {
			t.Fatal(err)
		}
		request := &Request{Server: "s2", Persistent: step.persistent}
		if step.avoid {
			request.Avoid(p.Servers()[1])
		}
		if serves := p.IsUp("s2"); serves != (step.admin != Maint) {
			t.Errorf("%s: Serves is %v", step.what, serves)
		}
		l := acquire(t, p, request)
		if l.Server.Name != step.want {
			t.Errorf("%s: %s, want %s", step.what, l.Server.Name, step.want)
		}
		if cleared := request.Server == ""; cleared != (step.want == "s1") {
			t.Errorf("%s: the request is for %q afterwards", step.what, request.Server)
		}
		l.Release(Served)
	}
	l := acquire(t, p, &Request{Server: "s9"})
	if l.Server.Name != "s1" {
		t.Errorf("for a server that there is not: %s", l.Server.Name)
	}
	l.Release(Served)
	if p.Has("s9") || !p.Has("s2") {
		t.Error("Has is wrong")
	}
}

// It waits for that server while others are free. If the server is disabled or its queue is full,
// and requests may be redispatched, the policy picks another one.
func TestAssignedServerIsFull(t *testing.T) {
	for _, redispatch := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := new(Registry)
			c := Config{Backend: "b", Servers: servers("s1", "s2"), Policy: new(inOrder), Redispatch: redispatch, QueueTimeout: time.Minute}
			c.Servers[1].MaxConn, c.Servers[1].MaxQueue = 1, 1
			p, err := r.Open(c)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			first := acquire(t, p, &Request{Server: "s2"})
			waiting, granted := &Request{Server: "s2"}, make(chan *Lease)
			go func() {
				l, _ := p.Acquire(context.Background(), waiting)
				granted <- l
			}()
			synctest.Wait()
			if waiting.Queued.For == nil || waiting.Queued.For.Name != "s2" {
				t.Fatal("the second does not wait for s2")
			}
			third := &Request{Server: "s2"}
			l, err := p.Acquire(context.Background(), third)
			switch {
			case !redispatch && !errors.Is(err, ErrQueueFull):
				t.Errorf("without redispatch the third has %v, want %v", err, ErrQueueFull)
			case redispatch && (err != nil || l.Server.Name != "s1" || !third.Queued.Moved):
				t.Errorf("with redispatch the third has %v, moved %v", err, third.Queued.Moved)
			}
			if l != nil {
				l.Release(Served)
			}
			if redispatch {
				_ = p.SetAdmin("s2", Maint)
			} else {
				first.Release(Served)
			}
			second := <-granted
			if want := map[bool]string{false: "s2", true: "s1"}[redispatch]; second.Server.Name != want {
				t.Errorf("redispatch %v: the second is served by %s, want %s", redispatch, second.Server.Name, want)
			}
			second.Release(Served)
			first.Release(Served)
		})
	}
}
