// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// operate changes the frontend of a test.
func (l limitTest) operate(c Change) {
	l.Helper()
	if _, err := Operate(l.f.Name, "test", c); err != nil {
		l.Fatal(err)
	}
}

// waits checks that a client gets no answer for a while.
func (l limitTest) waits(client *net.TCPConn) {
	l.Helper()
	_ = client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := client.Read(make([]byte, 2)); n > 0 || err == nil {
		l.Errorf("%d bytes, %v", n, err)
	}
	_ = client.SetReadDeadline(time.Now().Add(time.Minute))
}

// reloaded returns the frontend of a later configuration, which runs.
func (l limitTest) reloaded(change func(*Config)) *Frontend {
	c := l.f.Config
	c.Router = &Router{Default: c.Router.Default, Logger: c.Logger} // each configuration has its own
	change(&c)
	f := New(c)
	f.setActive()
	return f
}

// A disabled frontend pauses accept, over reloads, and serves those that come all the same once it
// is enabled again. Its sessions go on.
func TestDisable(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	eachLimited(t, Config{}, func(l limitTest) {
		first := l.connect(hello)
		l.served(first)
		l.operate(Change{Enabled: new(false)})
		l.waits(first) // it goes on
		waker := newRoomWaker()
		later := l.reloaded(func(*Config) {})
		for _, f := range []*Frontend{l.f, later} {
			if f.Routed().Pause(waker) == 0 || f.state() != Disabled {
				l.Errorf("accept is not paused: %v", f.state())
			}
		}
		second := l.connect(hello)
		l.waits(second)
		if o := AllOverrides()[l.f.Name]; o.Disabled == nil || o.Disabled.By != "test" || o.MaxConn != nil {
			l.Errorf("%+v", o)
		}
		l.operate(Change{Enabled: new(true)})
		<-waker
		l.served(second)
		if _, set := AllOverrides()[l.f.Name]; set || later.Routed().Pause(waker) != 0 || later.state() != Open {
			l.Errorf("accept is paused: %v", later.state())
		}
		l.left(first)
		l.left(second)
	})
}

// Limits that are set at run time apply at once, and until the configured value changes.
func TestChangeLimits(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	eachLimited(t, Config{MaxConn: 1}, func(l limitTest) {
		first, second := l.connect(hello), l.connect(hello)
		l.served(first)
		l.waits(second)
		got, err := Operate(l.f.Name, "test", Change{MaxConn: new(2), SessionRate: new(1000)})
		want := []pool.Changed{{Key: "maxconn", From: "1", To: "2"}, {Key: "rate_limit_sessions", From: "0", To: "1000"}}
		if err != nil || !slices.Equal(got, want) {
			l.Errorf("%v, %v", got, err)
		}
		l.served(second)
		if l.f.state() != Full {
			l.Errorf("%v", l.f.state())
		}
		if m := l.reloaded(func(*Config) {}); m.maxConn() != 2 || m.sessionRate() != 1000 {
			l.Errorf("after a reload: maxconn %d, rate %d", m.maxConn(), m.sessionRate())
		}
		if m := l.reloaded(func(c *Config) { c.MaxConn = 5 }); m.maxConn() != 5 || m.sessionRate() != 1000 {
			l.Errorf("after a change of maxconn: maxconn %d, rate %d", m.maxConn(), m.sessionRate())
		}
		if m := l.reloaded(func(*Config) {}); m.maxConn() != 1 {
			l.Errorf("after the change was taken back: maxconn %d", m.maxConn())
		}
		l.left(first)
		l.left(second)
	})
}

func TestShutDown(t *testing.T) {
	eachLimited(t, Config{}, func(l limitTest) {
		if _, err := ShutDown(l.f.Name); !errors.Is(err, ErrForeignListeners) {
			l.Errorf("without listeners of its own: %v", err)
		}
		closed := 0
		l.f.OnShutdown(func() { closed++ })
		if before, err := ShutDown(l.f.Name); err != nil || before != Open || closed != 1 || l.f.state() != Stopped {
			l.Errorf("%v, %v, closed %d times", before, err, closed)
		}
		if _, err := ShutDown(l.f.Name); !errors.Is(err, ErrShutDown) || closed != 1 {
			l.Errorf("again: %v, closed %d times", err, closed)
		}
		if _, err := Operate(l.f.Name, "test", Change{Enabled: new(true)}); !errors.Is(err, ErrShutDown) {
			l.Errorf("enabled after that: %v", err)
		}
		if f := l.reloaded(func(*Config) {}); f.state() != Open {
			l.Errorf("after a reload: %v", f.state())
		}
		if _, err := ShutDown("nothing"); !errors.Is(err, ErrNoFrontend) {
			l.Errorf("unknown frontend: %v", err)
		}
	})
}
