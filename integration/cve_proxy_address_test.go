// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// byAddress are ways to tell one client, 198.51.100.7, from others by its address: options of a
// frontend which lead it to the backend seven, and others to the default.
var byAddress = map[string]string{
	"acl":         "use_backend seven acl src 198.51.100.7",
	"remote_ip":   "use_backend seven remote_ip 198.51.100.7",
	"not":         "use_backend rest not remote_ip 198.51.100.7\n use_backend seven",
	"not_acl":     "use_backend rest not acl src 198.51.100.7\n use_backend seven",
	"placeholder": "use_backend seven vars {l4.conn.remote_addr} 198.51.100.7:50676",
	"session":     "session {\n set_var sess.who src\n }\n use_backend seven acl var(sess.who) -m str 198.51.100.7",
	"port":        "use_backend seven acl {\n src_port 50676\n src -m ip 198.51.100.7\n }",
	"content":     "content {\n inspect_delay 10m\n set_var sess.who src\n accept acl req.ssl_hello_type 1\n }\n use_backend seven acl var(sess.who) -m str 198.51.100.7",
	"connection":  "connection {\n close acl src 198.51.100.7\n close acl src 127.0.0.9\n }\n use_backend seven acl src 198.51.100.7",
	"refused":     "session {\n close not acl src 198.51.100.7\n }\n use_backend seven",
	"peer":        "use_backend rest acl fc_src 198.51.100.7\n use_backend rest not acl fc_src 127.0.0.0/8\n use_backend seven acl src 198.51.100.7",
}

// TestCVE_2025_31698: Apache Traffic Server compared its access lists with the peer's address, not
// with that of the PROXY header. Here rules and matchers of every kind, policies and the log agree
// that the client is the one in the header, whichever the proxy in front; only rules of connection
// and fc_src see that.
func TestCVE_2025_31698(t *testing.T) {
	t.Parallel()
	var frontends strings.Builder
	addresses := make(map[string]string)
	add := func(name, options string) {
		addresses[name] = freeAddress(t)
		delay := "inspect_delay 10m"
		if strings.HasPrefix(options, "content") {
			delay = ""
		}
		fmt.Fprintf(&frontends, "frontend %s {\n bind %s {\n accept_proxy 127.0.0.0/8\n }\n %s\n %s\n }\n", name, addresses[name], delay, options)
	}
	for name, options := range byAddress {
		if !strings.HasSuffix(options, "seven") {
			options += "\n default_backend rest"
		}
		add(name, options)
	}
	origin := listen(t, sendBack)
	servers := ""
	for i := range 8 {
		servers += fmt.Sprintf("server s%d %s\n", i, origin)
	}
	policies := []string{"source", "hash src", `hash "{l4.conn.remote_addr}"`, "hash {\n expression src,ipmask(32)\n }"}
	for i, policy := range policies {
		add(fmt.Sprintf("policy%d", i), fmt.Sprintf("balance %s\n%s", policy, servers))
	}
	p := start(t, fmt.Sprintf("passthrough {\n%s\nbackend seven {\n server s1 %[2]s\n }\n backend rest {\n server s1 %[2]s\n }\n}", &frontends, origin), "")

	hello := hellotest.Hello(t, "www.example.test")
	from := func(client string) []byte { // with the same port
		return slices.Concat(fmt.Appendf(nil, "PROXY TCP4 %s 192.0.2.1 50676 443\r\n", client), hello)
	}
	n := 0
	said := func(frontend, client string) logLine {
		got := speak(addresses[frontend], from(client), 1<<20, true) // each from another peer
		n++
		return p.byPeer(t, n)[got.from()]
	}
	for name := range byAddress {
		for client, want := range map[string]string{"198.51.100.7": "seven", "198.51.100.8": "rest", "127.0.0.9": "rest"} {
			if name == "refused" && want == "rest" {
				want = ""
			}
			if l := said(name, client); l.Backend != want || l.Client != client+":50676" || (l.End == "refused") != (want == "") {
				t.Errorf("%s: log line %+v, want backend %q", name, l, want)
			}
		}
	}
	for i := range policies {
		used := make(map[string]bool)
		for client := range 24 {
			address := fmt.Sprintf("198.51.100.%d", client)
			first, second := said(fmt.Sprintf("policy%d", i), address), said(fmt.Sprintf("policy%d", i), address)
			if first.Server != second.Server || first.Server == "" {
				t.Errorf("balance %s: client %s got servers %q and %q", policies[i], address, first.Server, second.Server)
			}
			used[first.Server] = true
		}
		if len(used) < 4 {
			t.Errorf("balance %s: 24 clients used %d servers of 8", policies[i], len(used))
		}
	}
}
