// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// step is something that a client does, at a time since it has connected.
type step struct {
	at   time.Duration
	send string // or fin, or rst
}

const (
	fin = "\x00fin"
	rst = "\x00rst"
)

// story is a frontend with HAProxy's rules, a client, and the expected result: the letter of the
// server that greets the client, or none, and the time. integration/oracle shows that HAProxy does
// the same.
type story struct {
	name    string
	ours    string // the frontend's block, less its default backend b
	backend string // the content of backend b
	client  []step
	greeted string         // "a", "b"; empty: the connection is closed
	after   time.Duration  // since connecting
	reset   bool           // with RST
	letters string         // of the log; empty: not looked at
	outcome string         // of the log
	arrives func(net.Conn) // if not nil, the connection is handled when it has returned
}

// fullBuffer bounds the bytes that rules see if they are not a ClientHello.
const fullBuffer = 16384 - 1024

const (
	delay = 400 * time.Millisecond

	oursHello = "content {\n inspect_delay 400ms\n accept acl req.ssl_hello_type 1\n}\nuse_backend a acl req.ssl_sni a.example"

	oursReject = "content {\n inspect_delay 400ms\n accept acl req.ssl_hello_type 1\n close\n}\nuse_backend a acl req.ssl_sni a.example"
)

func stories(t *testing.T) []story {
	hello := string(hellotest.Hello(t, "a.example"))
	const ms = time.Millisecond
	sites := filepath.Join(t.TempDir(), "sites.map")
	if err := os.WriteFile(sites, []byte("a.example a\nc.example nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []story{
		{name: "hello at once", ours: oursHello, client: []step{{0, hello}}, greeted: "a", letters: "--", outcome: "hello"},
		{name: "hello late", ours: oursHello, client: []step{{300 * ms, hello}}, greeted: "a", after: 300 * ms, letters: "--", outcome: "hello"},
		{name: "hello in two segments", ours: oursHello, client: []step{{0, hello[:70]}, {200 * ms, hello[70:]}}, greeted: "a", after: 200 * ms, letters: "--", outcome: "hello"},
		{name: "another name", ours: oursHello, client: []step{{0, string(hellotest.Hello(t, "b.example"))}}, greeted: "b", letters: "--", outcome: "hello"},
		{name: "not TLS", ours: oursHello, client: []step{{0, "SSH-2.0-x\r\n"}}, greeted: "b", letters: "--", outcome: "not_tls"},
		{name: "silence", ours: oursHello, greeted: "b", after: delay, letters: "--", outcome: "timeout"},
		{name: "half a hello", ours: oursHello, client: []step{{100 * ms, hello[:70]}}, greeted: "b", after: delay, letters: "--", outcome: "timeout"},

		{name: "a hello in pieces, too late", ours: oursHello, client: []step{{0, hello[:20]}, {200 * ms, hello[20:40]}, {350 * ms, hello[40:70]}}, greeted: "b", after: delay, letters: "--", outcome: "timeout"},

		{name: "reject: hello", ours: oursReject, client: []step{{0, hello}}, greeted: "a", letters: "--", outcome: "hello"},
		{name: "reject: not TLS", ours: oursReject, client: []step{{0, "SSH-2.0-x\r\n"}}, letters: "PR", outcome: "not_tls"},
		{name: "reject: silence", ours: oursReject, after: delay, letters: "PR", outcome: "timeout"},

		{name: "FIN", ours: oursHello, client: []step{{200 * ms, fin}}, greeted: "b", after: 200 * ms, letters: "--", outcome: "client_left"},
		{name: "half a hello and FIN", ours: oursHello, client: []step{{0, hello[:70]}, {200 * ms, fin}}, greeted: "b", after: 200 * ms, letters: "--", outcome: "client_left"},
		{name: "FIN and reject", ours: oursReject, client: []step{{200 * ms, fin}}, after: 200 * ms, letters: "PR", outcome: "client_left"},
		{name: "RST", ours: oursHello, client: []step{{200 * ms, rst}}, after: 200 * ms, letters: "CR", outcome: "pending"},

		{
			name:  "undecided, before one that is not",
			ours:  "content {\n inspect_delay 400ms\n accept acl req.ssl_hello_type 1\n accept acl src 127.0.0.0/8\n close\n}",
			after: delay, greeted: "b", letters: "--", outcome: "timeout",
		},
		{
			name: "decided, before one that is not",
			ours: "content {\n inspect_delay 400ms\n accept acl src 127.0.0.0/8\n close unless acl req.ssl_hello_type 1\n}",

			greeted: "b", letters: "--", outcome: "pending",
		},
		{
			name:   "unless waits, too",
			ours:   "content {\n inspect_delay 400ms\n close unless acl req.ssl_hello_type 1\n}",
			client: []step{{100 * ms, hello[:70]}}, after: delay, letters: "PR", outcome: "timeout",
		},
		{
			name:  "client timeout before the delay",
			ours:  "content {\n inspect_delay 2s\n accept acl req.ssl_hello_type 1\n}\ntimeout_client 300ms",
			after: 300 * ms, letters: "cR", outcome: "pending",
		},
		{
			name:   "client timeout counts from the last byte",
			ours:   "content {\n inspect_delay 2s\n accept acl req.ssl_hello_type 1\n}\ntimeout_client 300ms",
			client: []step{{200 * ms, hello[:70]}},
			after:  500 * ms, letters: "cR", outcome: "pending",
		},
		{
			name:   "the end of the wait",
			ours:   "content {\n inspect_delay 400ms\n accept acl wait_end\n close\n}",
			client: []step{{0, "abc"}}, after: delay, greeted: "b", letters: "--", outcome: "not_tls",
		},
		{
			name:   "no delay: hello late",
			ours:   "content {\n accept acl req.ssl_hello_type 1\n}\nuse_backend a acl req.ssl_sni a.example",
			client: []step{{200 * ms, hello}}, greeted: "b", letters: "--", outcome: "pending",
		},
		{
			name:    "nothing is asked",
			ours:    "content",
			greeted: "b", letters: "--", outcome: "none",
		},
		{
			name:    "nothing is asked of the client",
			ours:    "content {\n inspect_delay 400ms\n close acl src 10.0.0.0/8\n}\nuse_backend a acl src 127.0.0.1",
			greeted: "a", letters: "--", outcome: "none",
		},
		{
			name:   "a banner in two segments",
			ours:   "content {\n inspect_delay 400ms\n accept acl req.payload(0,7) -m str SSH-2.0\n}\nuse_backend a acl req.payload(0,7) -m str SSH-2.0",
			client: []step{{0, "SSH"}, {200 * ms, "-2.0-x\r\n"}}, greeted: "a", after: 200 * ms, letters: "--", outcome: "not_tls",
		},
		{
			name:   "a length",
			ours:   "content {\n inspect_delay 400ms\n accept acl req.len gt 5\n}\nuse_backend a acl req.len gt 5",
			client: []step{{0, "abc"}, {200 * ms, "def"}}, greeted: "a", after: 200 * ms, letters: "--", outcome: "not_tls",
		},
		{
			name:   "a full buffer",
			ours:   "content {\n inspect_delay 2s\n accept acl req.len gt 100000\n}",
			client: []step{{0, strings.Repeat("x", fullBuffer)}}, greeted: "b", letters: "--", outcome: "not_tls",
		},
		{
			name:   "a buffer that is almost full",
			ours:   "content {\n inspect_delay 400ms\n accept acl req.len gt 100000\n}",
			client: []step{{0, strings.Repeat("x", fullBuffer-1)}}, after: delay, greeted: "b", letters: "--", outcome: "not_tls",
		},
		{
			name:   "a variable",
			ours:   "content {\n inspect_delay 400ms\n set_var sess.sni req.ssl_sni,lower\n accept acl req.ssl_hello_type 1\n}\nuse_backend a acl var(sess.sni) -m str a.example",
			client: []step{{0, hello[:70]}, {100 * ms, hello[70:]}}, after: 100 * ms, greeted: "a", letters: "--", outcome: "hello",
		},
		{
			name:   "a name from a map",
			ours:   "content {\n inspect_delay 400ms\n accept acl req.ssl_hello_type 1\n}\nuse_backend_format %[req.ssl_sni,map(" + sites + ")]",
			client: []step{{0, hello}}, greeted: "a", letters: "--", outcome: "hello",
		},
		{
			name:   "the name of no backend skips the rules after it",
			ours:   "content {\n inspect_delay 400ms\n accept acl req.ssl_hello_type 1\n}\nuse_backend_format %[req.ssl_sni,map(" + sites + ")]\nuse_backend a",
			client: []step{{0, string(hellotest.Hello(t, "c.example"))}}, greeted: "b", letters: "--", outcome: "hello",
		},
		{
			name:   "use_backend unless",
			ours:   "content {\n inspect_delay 400ms\n accept acl req.ssl_hello_type 1\n}\nuse_backend a unless acl req.ssl_sni a.example",
			client: []step{{0, "SSH-2.0-x\r\n"}}, greeted: "a", letters: "--", outcome: "not_tls",
		},
		{
			name:   "a backend's rules",
			ours:   "content",
			client: []step{{100 * ms, "SSH-2.0-x\r\n"}}, after: 100 * ms, letters: "PR", outcome: "not_tls",
			backend: `{"inspect_delay": "400ms", "rules": [{"action": "close", "unless": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]}]}`,
		},
		{
			name:  "a backend's own delay",
			ours:  "content {\n inspect_delay 300ms\n accept acl req.ssl_hello_type 1\n}",
			after: 600 * ms, greeted: "b", letters: "--", outcome: "timeout",
			backend: `{"inspect_delay": "300ms", "rules": [{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "wait_end"}]}]}]}]}`,
		},
		{
			name:  "connection rules",
			ours:  "content\nconnection {\n accept acl src 10.0.0.0/8\n reset\n}",
			reset: true, outcome: "none",
		},
		{
			name:    "connection rules that accept",
			ours:    "content\nconnection {\n accept acl src 127.0.0.0/8\n reset\n}",
			greeted: "b", letters: "--", outcome: "none",
		},
	}
}
