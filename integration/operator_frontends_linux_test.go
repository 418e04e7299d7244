// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// patch changes something through the admin endpoint, which answers with a status.
func (p *process) patch(t testing.TB, path, body string, want int) {
	t.Helper()
	if status, text := p.ask(t, http.MethodPatch, path, body); status != want {
		t.Errorf("%s %s: %d %s, want %d", path, body, status, text, want)
	}
}

// refuses waits until an address refuses connections.
func refuses(t testing.TB, address string) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		c.Close()
		if time.Now().After(over) {
			t.Fatalf("%s still accepts", address)
		}
	}
}

// A frontend that is disabled leaves clients in the kernel's queue, over a reload; limits that were
// set last until the configuration has others; one that is shut down is back after a reload.
func TestOperateFrontends(t *testing.T) {
	t.Parallel()
	frontends := map[string]string{"one": "", "free": ""}
	const path = "/passthrough/frontends/one"
	l := startLimited(t, "", frontends)
	first := l.visit("one", "127.0.0.2", "served")
	l.patch(t, path, `{"state": "disabled"}`, http.StatusOK)
	second := l.visit("one", "127.0.0.3", "waits")
	l.visit("free", "127.0.0.2", "served")
	l.reconfigure("", frontends)
	l.gets(second, "waits")
	l.patch(t, path, `{"state": "open"}`, http.StatusOK)
	l.gets(second, "served")
	second.Close()
	l.counts("one", func(f frontendCounts) bool { return f.Connections == 1 })

	l.patch(t, path, `{"maxconn": 1}`, http.StatusOK)
	third := l.visit("one", "127.0.0.3", "waits")
	l.reconfigure("", frontends)
	l.gets(third, "waits")
	l.reconfigure("", map[string]string{"one": "maxconn 2", "free": ""})
	l.gets(third, "served")
	first.Close()
	third.Close()

	l.patch(t, path, `{"state": "stopped"}`, http.StatusOK)
	refuses(t, l.addresses["one"])
	l.patch(t, path, `{"state": "stopped"}`, http.StatusConflict)
	l.patch(t, path, `{"state": "open"}`, http.StatusConflict)
	l.visit("free", "127.0.0.2", "served")
	l.reconfigure("", frontends)
	l.visit("one", "127.0.0.2", "served")
	l.patch(t, "/passthrough/frontends/nothing", `{"state": "open"}`, http.StatusNotFound)
}

// The frontend of a layer4 server can be disabled, but not shut down: its listeners are not its
// own.
func TestOperateLayer4Frontend(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"durable/", "tcp/"} {
		l := &limitsTest{T: t, addresses: map[string]string{"l4": freeAddress(t)}}
		l.server = serverOfLimits(t)
		config := fmt.Sprintf("passthrough {\nbackend web {\nserver s1 %s\n}\n}\nlayer4 {\n%s%s {\nroute {\npassthrough {\nname l4\ndefault_backend web\n}\n}\n}\n}", l.server, network, l.addresses["l4"])
		l.process = start(t, config, "")
		l.visit("l4", "127.0.0.2", "served")
		l.patch(t, "/passthrough/frontends/l4", `{"state": "disabled"}`, http.StatusOK)
		waiting := l.visit("l4", "127.0.0.3", "waits")
		l.patch(t, "/passthrough/frontends/l4", `{"state": "stopped"}`, http.StatusConflict)
		l.patch(t, "/passthrough/frontends/l4", `{"state": "open"}`, http.StatusOK)
		l.gets(waiting, "served")
	}
}
