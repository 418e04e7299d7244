// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A configuration that is refused late, because its second address is taken or another app cannot
// start, serves no connection, neither at an address in use nor at a new one.
func TestRefusedReloadServesNoConnection(t *testing.T) {
	s := newStorm(t)
	var wrong atomic.Int64
	bad := listen(t, func(c *net.TCPConn) {
		wrong.Add(1)
		greet(c)
	})
	taken, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var app bool // whether the frontends are of the app
	frontend := func(address, name string) string { return frontendAt(app, address, name, "default_backend web") }
	backend := "passthrough {\n backend web {\n server bad " + bad + "\n }\n}\n"
	refused := map[string]struct{ more, site string }{
		"a second address is taken": {more: taken.Addr().String()},
		"another app cannot listen": {site: "http://" + taken.Addr().String() + " {\n bind 127.0.0.1\n respond hi\n}\n"},
	}
	p := start(t, s.config(0), "")
	s.start(8)
	for what, of := range refused {
		t.Run(what, func(t *testing.T) {
			for i := range 10 {
				app = i%2 == 1
				config := backend + frontend(s.address, "a") + frontend(s.second, "b")
				if of.more != "" {
					config += frontend(of.more, "c")
				}
				var over atomic.Bool
				done := make(chan int)
				go func() { // clients of its new address
					n := 0
					for ; !over.Load(); time.Sleep(time.Millisecond) {
						if _, err := s.visit(s.second); err == nil {
							n++
						}
					}
					done <- n
				}()
				if err := p.reload(t, config, of.site); err == nil || !strings.Contains(err.Error(), "address already in use") {
					t.Errorf("the configuration was not refused: %v", err)
				}
				over.Store(true)
				if n := <-done; n > 0 {
					t.Errorf("%d clients were served at the new address", n)
				}
			}
		})
	}
	s.stop()
	failed, why := s.failures()
	t.Logf("20 reloads refused: %d connections served, %d lost, %d served by a refused configuration", s.made.Load(), failed, wrong.Load())
	if failed > 0 || wrong.Load() > 0 || s.made.Load() == 0 {
		t.Errorf("lost: %s", why)
	}
	for _, l := range p.sessions(t, int(s.made.Load())) {
		if l.Server == "bad" {
			t.Errorf("the log has a session of the refused configuration: %+v", l)
		}
	}
}

// Sessions of a server that a reload has removed continue, and end after removed_server_timeout;
// those of a server that returns in time, and of others, do not.
func TestRemovedServer(t *testing.T) {
	t.Parallel()
	address, kept, removed := freeAddress(t), listen(t, greetAndEcho), listen(t, greetAndEcho)
	config := func(timeout string, servers ...string) string {
		return fmt.Sprintf("passthrough {\n removed_server_timeout %s\n backend web {\n %s\n }\n}\nlayer4 {\n durable/%s {\n route {\n passthrough {\n default_backend web\n }\n }\n }\n}", timeout, strings.Join(servers, "\n "), address)
	}
	first, second := "server s1 "+kept, "server s2 "+removed
	p := start(t, config("1s", first, second), "")
	open := func() *net.TCPConn {
		t.Helper()
		c := say(t, address, "")
		read(t, c, make([]byte, 2))
		return c
	}
	echoes := func(c *net.TCPConn) {
		t.Helper()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		read(t, c, make([]byte, 1))
	}
	reload := func(config string) {
		t.Helper()
		if err := p.reload(t, config, ""); err != nil {
			t.Fatal(err)
		}
	}

	a, b := open(), open()       // at s1 and s2
	reload(config("30s", first)) // before it is over
	echoes(b)
	reload(config("1s", first, second)) // and it is back
	time.Sleep(1500 * time.Millisecond)
	echoes(a)
	echoes(b)
	if got := p.server(t, "s2"); got.Sessions != 1 || got.SessionsTotal != 1 {
		t.Errorf("s2 returned with %d sessions, %d in total, want 1 and 1", got.Sessions, got.SessionsTotal)
	}

	reload(config("off", first))
	time.Sleep(500 * time.Millisecond)
	echoes(b)
	reload(config("1s", first)) // the timeout counts from the removal
	began := time.Now()
	if _, err := b.Read(make([]byte, 1)); err == nil {
		t.Error("the session of the removed server continues")
	}
	t.Logf("session cut after %v", time.Since(began)+500*time.Millisecond)
	echoes(a)
	l := p.sessions(t, 1)[0]
	if l.Termination != "KD" || l.End != "server_removed" || l.Server != "s2" || l.EndedBy != "proxy" {
		t.Errorf("log line %+v", l)
	}
	reload("layer4 {\n durable/" + address + " {\n route {\n passthrough {\n server other " + kept + "\n }\n }\n }\n}")
	echoes(a) // without removed_server_timeout it continues, although its backend is gone
}
