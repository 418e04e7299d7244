// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// stickySessions is the recipe of HAProxy's manual for stickiness by the session ID of TLS.
const stickySessions = `
defaults
    mode tcp
    timeout connect 4s
    timeout client 1m
    timeout server 1m
listen portal
    bind %[1]s
    balance roundrobin
    stick-table type binary len 32 size 50k expire 30m
    acl client_hello req_ssl_hello_type 1
    acl server_hello rep_ssl_hello_type 2
    tcp-request inspect-delay 5s
    tcp-request content accept if client_hello
    tcp-response inspect-delay 5s
    tcp-response content accept if server_hello
    stick on payload_lv(43,1) if client_hello
    stick store-response payload_lv(43,1) if server_hello
    server s1 %[2]s
    server s2 %[3]s
`

// The sessions of openssl clients are resumed by the server that has them, which is the one that a
// client comes back to: by HAProxy and by both of our configurations. The short one also finds the
// servers of tickets, at the second attempt at the latest.
func TestStickySessionsOfOpenSSL(t *testing.T) {
	t.Parallel()
	haproxy := programs.Need(t, "haproxy")
	var servers []string
	for _, name := range []string{"s1.example.test", "s2.example.test"} {
		cert, key := newAuthority(t).issue(t, name, 30)
		address := freeAddress(t)
		runServer(t, "openssl", "s_server", "-accept", address, "-cert", cert, "-key", key, "-www", "-quiet")
		listening(t, address)
		servers = append(servers, address)
	}
	theirs, ours, short := freeAddress(t), freeAddress(t), freeAddress(t)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, fmt.Appendf(nil, stickySessions, theirs, servers[0], servers[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	startHAProxy(t, haproxy, file)
	for over := time.Now().Add(patience); resumption.FindString(openssl(t, theirs, "-tls1_2")) == ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatal("HAProxy does not start")
		}
	}
	runHAProxyConfig(t, map[string]string{"haproxy.cfg": fmt.Sprintf(stickySessions, ours, servers[0], servers[1])})
	start(t, fmt.Sprintf(`
	passthrough {
		frontend portal {
			bind %s
			default_backend portal
		}
		backend portal {
			server s1 %s
			server s2 %s
			stick on session_id
		}
	}`, short, servers[0], servers[1]), "")

	for kind, flags := range map[string][]string{"ids": {"-tls1_2", "-no_ticket"}, "tickets": {"-tls1_2"}} {
		by := make(map[string][]string)
		for name, address := range map[string]string{"HAProxy": theirs, "haproxy.cfg": ours, "Caddyfile": short} {
			by[name] = resumptions(t, address, flags)
		}
		if !slices.Equal(by["haproxy.cfg"], by["HAProxy"]) {
			t.Errorf("%s, haproxy.cfg: %v\nHAProxy: %v", kind, by["haproxy.cfg"], by["HAProxy"])
		}
		// A client sends an ID of its own with a ticket. HAProxy stores it with the first server that
		// gets it, which is the wrong one here: it makes a new session.
		resumed := map[string]int{"HAProxy": 1, "Caddyfile": 1}
		if kind == "tickets" {
			resumed = map[string]int{"Caddyfile": 2}
		}
		for name, from := range resumed {
			if slices.Contains(by[name][from*3:], "New") {
				t.Errorf("%s, %s: %v", kind, name, by[name])
			}
		}
	}
}

var resumption = regexp.MustCompile(`(?m)^(New|Reused), TLSv1\.2,`)

// resumptions returns for three clients with a session each, and then four times for each of them
// in turn, whether the session was a new one.
func resumptions(t *testing.T, address string, flags []string) (all []string) {
	t.Helper()
	dir := t.TempDir()
	for round := range 5 {
		for client := range 3 {
			file := filepath.Join(dir, fmt.Sprint(client))
			session := []string{"-sess_in", file}
			if round == 0 {
				session[0] = "-sess_out"
			}
			printed := openssl(t, address, append(session, flags...)...)
			found := resumption.FindStringSubmatch(printed)
			if found == nil {
				t.Fatalf("%s, round %d, client %d:\n%s", address, round, client, printed)
			}
			all = append(all, found[1])
		}
	}
	return all
}
