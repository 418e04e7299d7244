// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"net/http"
	"testing"
)

// At a limit that is not about one client, further clients are connected and wait for their turn.
func TestLimitsOfListeners(t *testing.T) {
	t.Parallel()
	frontends := map[string]string{"one": "maxconn 1", "two": "maxconn 2", "rare": "rate_limit_sessions 1", "free": ""}
	l := startLimited(t, "", frontends)
	first := l.visit("one", "127.0.0.2", "served")
	second := l.visit("one", "127.0.0.3", "waits")
	l.visit("free", "127.0.0.2", "served")
	l.counts("one", func(f frontendCounts) bool { return f.Connections == 1 })
	first.Close()
	l.gets(second, "served")

	l.visit("rare", "127.0.0.2", "served")
	l.gets(l.visit("rare", "127.0.0.3", "waits"), "served") // a second later

	// The app's are over all frontends: those that are open count.
	l.reconfigure("maxconn 5", frontends)
	l.visit("two", "127.0.0.2", "served")
	waiting := l.visit("free", "127.0.0.3", "waits")
	second.Close()
	l.gets(waiting, "served")
	waiting.Close()

	l.reconfigure("max_conn_rate 1", map[string]string{"one": "", "two": "connection {\nreset remote_ip 127.0.0.3\n}", "rare": "", "free": ""})
	l.visit("free", "127.0.0.2", "served")
	l.gets(l.visit("two", "127.0.0.3", "waits"), "reset") // a second later
	l.gets(l.visit("one", "127.0.0.2", "waits"), "served")

	l.reconfigure("max_sess_rate 1", map[string]string{"one": "", "two": "connection {\nreset remote_ip 127.0.0.3\n}", "rare": "", "free": ""})
	l.visit("two", "127.0.0.3", "reset")
	l.visit("two", "127.0.0.3", "reset")
	l.visit("free", "127.0.0.2", "served")
	l.gets(l.visit("one", "127.0.0.3", "waits"), "served")
}

// The endpoint of the overload shows what the process may use, with and without a limit of memory.
func TestOverloadEndpoint(t *testing.T) {
	t.Parallel()
	for limit, want := range map[string]int64{"GOMEMLIMIT=off": 0, "GOMEMLIMIT=64GiB": 64 << 30} {
		l := &limitsTest{T: t, addresses: map[string]string{"free": freeAddress(t)}, server: freeAddress(t), process: &process{env: []string{limit}, wrap: []string{"prlimit", "--nofile=1000"}}}
		l.process.start(t, l.config("", map[string]string{"free": ""}), "")
		l.connect("free", "127.0.0.2")
		l.counts("free", func(f frontendCounts) bool { return f.Connections == 1 })
		var got struct {
			Stage     string
			Entered   map[string]int64
			Resources map[string]struct{ Used, Limit int64 }
		}
		status, text := l.ask(t, http.MethodGet, "/passthrough/overload", "")
		if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s: %v", status, text, err)
		}
		open, memory := got.Resources["descriptors"], got.Resources["memory"]
		if got.Stage != "normal" || got.Entered["tight"] != 0 || open.Used != 1 || open.Limit < 380 || open.Limit > 430 || memory.Limit != want || (memory.Used > 0) != (want > 0) || got.Resources["unfinished_hellos"].Limit != want/8 {
			t.Errorf("%s: %s", limit, text)
		}
	}
}

// A frontend that a reload removes serves the clients that wait, when there is a place.
func TestLimitOfRemovedFrontend(t *testing.T) {
	t.Parallel()
	l := startLimited(t, "", map[string]string{"one": "maxconn 1", "free": ""})
	first, second := l.visit("one", "127.0.0.2", "served"), l.visit("one", "127.0.0.3", "waits")
	l.reconfigure("maxconn 2", map[string]string{"free": ""})
	l.gets(second, "waits")
	first.Close()
	l.gets(second, "served")
	l.leaves(second, "one", 0)
}
