// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// ways are the two ways to serve a connection.
var ways = map[string]func(*Frontend, *relay.Socket) error{
	"general": func(f *Frontend, s *relay.Socket) error {
		go f.Entry(EntryConfig{}).Serve(s, time.Now())
		return nil
	},
	"fast": func(f *Frontend, s *relay.Socket) error { return relay.OnShard(s, f.Entry(EntryConfig{}).ServeOnShard) },
}

// clientDoes is something that a connected client does.
type clientDoes func(t *testing.T, c *net.TCPConn)

func sends(what []byte) clientDoes {
	return func(t *testing.T, c *net.TCPConn) {
		if _, err := c.Write(what); err != nil {
			t.Error(err)
		}
	}
}

func pauses(*testing.T, *net.TCPConn) { time.Sleep(30 * time.Millisecond) }

// isLate sleeps longer than a delay of 50 ms.
func isLate(*testing.T, *net.TCPConn) { time.Sleep(500 * time.Millisecond) }

func finishes(t *testing.T, c *net.TCPConn) {
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
}

func breaks(_ *testing.T, c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// TestWaysAreTheSame serves clients in both ways and compares what the clients see and the log.
func TestWaysAreTheSame(t *testing.T) {
	hello, other := hellotest.Hello(t, "a.example.test"), hellotest.Hello(t, "b.example.test")
	hour := `"timeouts": {"connect": "1h", "client": "1h", "server": "1h"}`
	web := `{"servers": [{"name": "s1", "address": "SERVER"}], ` + hour + `}`
	header := []byte("PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n")
	netScaler := slices.Concat([]byte("abcd\x00\x00\x00\x28\x45\x00\x00\x28\x00\x00\x00\x00\x40\x06\x00\x00\xc6\x33\x64\x07\xc0\x00\x02\x01"), make([]byte, 20))
	fromLoopback := HeaderPolicy{{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	proxied := Config{AcceptProxy: fromLoopback}
	optional := Config{AcceptProxy: HeaderPolicy{{Networks: fromLoopback[0].Networks, Optional: true}}}
	closesFrom := func(network string) *rules.Config {
		return compiled(t, `{"rules": [{"action": "close", "match": [{"acl": [{"any": [{"fetch": "src", "values": ["`+network+`"]}]}]}]}]}`)
	}
	accepts := `{"inspect_delay": "1h", "rules": [{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]}, {"action": "reset", "match": [{"acl": [{"any": [{"fetch": "req.len", "values": ["gt", "3"]}]}]}]}]}`
	anywhere := `{"servers": [{"name": "s1", "address": "*:PORT"}], "allow_local_addresses": true}`
	named := `{"inspect_delay": "1h", "rules": [{"action": "close", "unless": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]},
		{"action": "do_resolve", "var": "sess.ip", "value": "req.ssl_sni"}, {"action": "set_dst", "value": "var(sess.ip)"}%s]}`
	awaitsMore := `, {"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.len", "values": ["gt", "3000"]}]}]}]}`
	for name, c := range map[string]struct {
		backend string
		config  Config
		content string
		does    []clientDoes
		full    bool // the server has no room
		notTLS  bool // bytes that are not TLS go to the backend, too
	}{
		"a hello":                 {backend: web, does: []clientDoes{sends(hello), finishes}},
		"in parts":                {backend: web, does: []clientDoes{sends(hello[:1]), pauses, sends(hello[1:60]), pauses, sends(hello[60:]), pauses, sends([]byte("more")), finishes}},
		"finished with it":        {backend: web, does: []clientDoes{sends(hello), finishes, pauses}},
		"not TLS":                 {backend: web, does: []clientDoes{sends([]byte("GET / HTTP/1.1\r\n\r\n"))}},
		"not TLS, reset":          {backend: web, config: Config{Actions: Actions{NotTLS: {Verb: Reset}}}, does: []clientDoes{sends([]byte("GET / HTTP/1.1\r\n\r\n"))}},
		"malformed":               {backend: web, does: []clientDoes{sends([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0})}},
		"silent":                  {backend: web, config: Config{InspectDelay: 50 * time.Millisecond}},
		"half a hello":            {backend: web, config: Config{InspectDelay: 500 * time.Millisecond}, does: []clientDoes{sends(hello[:100])}},
		"half a hello, and left":  {backend: web, does: []clientDoes{sends(hello[:100]), finishes}},
		"half a hello, and reset": {backend: web, does: []clientDoes{sends(hello[:100]), pauses, breaks}},
		"no server":               {backend: `{"servers": []}`, does: []clientDoes{sends(hello)}},
		"refused":                 {backend: `{"servers": [{"name": "s1", "address": "REFUSING"}], "retries": 0}`, does: []clientDoes{sends(hello)}},
		"refused, then another":   {backend: `{"servers": [{"name": "s1", "address": "REFUSING"}, {"name": "s2", "address": "SERVER"}], "balance": {"policy": "first"}}`, does: []clientDoes{sends(hello), finishes}},
		"no room": {
			backend: `{"servers": [{"name": "s1", "address": "SERVER", "maxconn": 1}], "timeouts": {"queue": "50ms"}}`,
			does:    []clientDoes{sends(hello)}, full: true,
		},
		"a host":                  {backend: `{"servers": [{"name": "s1", "address": "web.test:PORT"}]}`, does: []clientDoes{sends(hello), finishes}},
		"a host of the client":    {backend: `{"servers": [{"name": "s1", "address": "{l4.client_hello.sni}:PORT"}], "allow_local_addresses": true}`, does: []clientDoes{sends(hello), finishes}},
		"the client's address":    {backend: `{"servers": [{"name": "s1", "address": "*:PORT"}]}`, does: []clientDoes{sends(hello), finishes}},
		"a name by a rule":        {backend: anywhere, content: fmt.Sprintf(named, ""), does: []clientDoes{sends(hello), finishes}},
		"a name, in parts":        {backend: anywhere, content: fmt.Sprintf(named, ""), does: []clientDoes{sends(hello[:2]), pauses, sends(hello[2:]), finishes}},
		"a name, then more rules": {backend: anywhere, content: fmt.Sprintf(named, awaitsMore), does: []clientDoes{sends(hello), pauses, sends(make([]byte, 4000)), finishes}},
		"a name, then left":       {backend: anywhere, content: fmt.Sprintf(named, awaitsMore), does: []clientDoes{sends(hello), pauses, breaks}},
		"a name, then silent":     {backend: anywhere, content: strings.Replace(fmt.Sprintf(named, awaitsMore), "1h", "200ms", 1), does: []clientDoes{sends(hello), isLate, finishes}},
		"a name of a local host":  {backend: `{"servers": [{"name": "s1", "address": "*:PORT"}]}`, content: fmt.Sprintf(named, ""), does: []clientDoes{sends(hello)}},
		"hashed by the hello":     {backend: `{"servers": [{"name": "s1", "address": "SERVER"}, {"name": "s2", "address": "SERVER"}], "balance": {"policy": "hash", "key": "sni"}}`, does: []clientDoes{sends(other), finishes}},
		"rules: a hello":          {backend: web, content: accepts, does: []clientDoes{sends(hello[:2]), pauses, sends(hello[2:]), finishes}},
		"rules: reset":            {backend: web, content: accepts, does: []clientDoes{sends([]byte("quit\r\n"))}},
		"rules: finished":         {backend: web, content: accepts, does: []clientDoes{sends(hello[:2]), pauses, finishes}},
		"rules: left":             {backend: web, content: accepts, does: []clientDoes{sends(hello[:2]), pauses, breaks}},
		"rules: silent":           {backend: web, content: accepts, config: Config{TimeoutClient: 50 * time.Millisecond}},
		"rules: not in time":      {backend: web, content: strings.Replace(accepts, "1h", "50ms", 1), does: []clientDoes{isLate, finishes}},
		"rules: at once":          {backend: web, content: strings.Replace(accepts, "1h", "0s", 1), does: []clientDoes{pauses, sends(hello), finishes}},
		"rules: none":             {backend: web, content: `{}`, does: []clientDoes{pauses, sends([]byte("hello")), finishes}},
		"rules of the backend":    {backend: `{"servers": [{"name": "s1", "address": "SERVER"}], "content": {"rules": [{"action": "close"}]}}`, does: []clientDoes{sends(hello)}},
		"rules for the answer":    {backend: `{"servers": [{"name": "s1", "address": "SERVER"}], "response": {"rules": [{"action": "close"}]}}`, does: []clientDoes{sends(hello)}},
		"rules: by the address":   {backend: web, config: Config{Session: compiled(t, `{"rules": [{"action": "close", "match": [{"acl": [{"any": [{"fetch": "src", "values": ["127.0.0.0/8"]}]}]}]}]}`)}, does: []clientDoes{pauses}},
		"header":                  {backend: web, config: proxied, does: []clientDoes{sends(slices.Concat(header, hello)), finishes}},
		"header, then the hello":  {backend: web, config: proxied, does: []clientDoes{sends(header), pauses, sends(hello), finishes}},
		"header in parts":         {backend: web, config: proxied, does: []clientDoes{sends(header[:3]), pauses, sends(header[3:20]), pauses, sends(slices.Concat(header[20:], hello[:5])), pauses, sends(hello[5:]), finishes}},
		"header, silent":          {backend: web, config: Config{AcceptProxy: fromLoopback, HeaderTimeout: 50 * time.Millisecond}, does: []clientDoes{sends(header[:3])}},
		"header, left":            {backend: web, config: proxied, does: []clientDoes{sends(header[:3]), pauses, finishes}},
		"header, reset":           {backend: web, config: proxied, does: []clientDoes{sends(header[:3]), pauses, breaks}},
		"header missing":          {backend: web, config: proxied, does: []clientDoes{sends(hello)}},
		"header invalid":          {backend: web, config: proxied, does: []clientDoes{sends([]byte("PROXY TCP4 \r\n")), pauses}},
		"header not allowed":      {backend: web, config: Config{AcceptProxy: HeaderPolicy{}}, does: []clientDoes{sends(slices.Concat(header, hello))}},
		"header not allowed, cut": {backend: web, config: Config{AcceptProxy: HeaderPolicy{}}, notTLS: true, does: []clientDoes{sends(header[:3]), pauses, sends(header[3:]), pauses}},
		"no header after all":     {backend: web, config: Config{AcceptProxy: HeaderPolicy{}}, notTLS: true, does: []clientDoes{sends(header[:3]), pauses, sends([]byte("PFIND / HTTP/1.1\r\n\r\n")), finishes}},
		"no header, left":         {backend: web, config: Config{AcceptProxy: HeaderPolicy{}}, notTLS: true, does: []clientDoes{sends(header[:3]), pauses, finishes}},
		"no header, silent":       {backend: web, config: Config{AcceptProxy: HeaderPolicy{}, InspectDelay: 50 * time.Millisecond}, notTLS: true, does: []clientDoes{sends(header[:3]), isLate, finishes}},
		"header, rules, cut":      {backend: web, config: Config{AcceptProxy: HeaderPolicy{}}, content: strings.Replace(accepts, `["gt", "3"]`, `["gt", "3000"]`, 1), does: []clientDoes{sends(header[:3]), pauses, sends(header[3:]), finishes}},
		"header not needed":       {backend: web, config: Config{AcceptProxy: HeaderPolicy{}}, does: []clientDoes{sends(hello), finishes}},
		"header optional":         {backend: web, config: optional, does: []clientDoes{sends(slices.Concat(header, hello)), finishes}},
		"header optional, none":   {backend: web, config: optional, does: []clientDoes{sends(hello), finishes}},
		"header optional, late":   {backend: web, config: Config{AcceptProxy: optional.AcceptProxy, HeaderTimeout: 50 * time.Millisecond}, does: []clientDoes{isLate, sends(hello), finishes}},
		"header, rules":           {backend: web, config: proxied, content: accepts, does: []clientDoes{sends(slices.Concat(header, hello)), finishes}},
		"header, rules in parts":  {backend: web, config: proxied, content: accepts, does: []clientDoes{sends(header), pauses, sends(hello[:2]), pauses, sends(hello[2:]), finishes}},
		"header, rules at once":   {backend: web, config: proxied, content: strings.Replace(accepts, "1h", "0s", 1), does: []clientDoes{sends(slices.Concat(header, hello)), finishes}},
		"header, session rules":   {backend: web, config: Config{AcceptProxy: fromLoopback, Session: closesFrom("198.51.100.7")}, does: []clientDoes{sends(header), pauses}},
		"header, not the peer's":  {backend: web, config: Config{AcceptProxy: fromLoopback, Session: closesFrom("127.0.0.1")}, does: []clientDoes{sends(header), pauses, sends(hello), finishes}},
		"header, connection rule": {backend: web, config: Config{AcceptProxy: fromLoopback, Connection: closesFrom("127.0.0.1")}, does: []clientDoes{pauses}},
		"header by a rule":        {backend: web, config: Config{Connection: compiled(t, `{"rules": [{"action": "expect_proxy", "match": [{"acl": [{"any": [{"fetch": "src", "values": ["127.0.0.0/8"]}]}]}]}]}`)}, does: []clientDoes{sends(header), pauses, sends(hello), finishes}},
		"header, foreign rule":    {backend: web, config: Config{AcceptProxy: fromLoopback, Session: compiled(t, `{"rules": [{"action": "close", "match": [{"remote_ip": {"ranges": ["198.51.100.7"]}}]}]}`)}, does: []clientDoes{sends(slices.Concat(header, hello)), pauses}},
		"header of NetScaler":     {backend: web, config: Config{AcceptProxy: HeaderPolicy{{Networks: fromLoopback[0].Networks, NetScalerMagic: 0x61626364}}}, does: []clientDoes{sends(slices.Concat(netScaler, hello)), finishes}},
		"rules: foreign":          {backend: web, config: Config{Session: compiled(t, `{"rules": [{"action": "close", "match": [{"remote_ip": {"ranges": ["127.0.0.0/8"]}}]}]}`)}, does: []clientDoes{pauses}},
	} {
		t.Run(name, func(t *testing.T) {
			server := answeringOnce(t)
			_, port, _ := net.SplitHostPort(server)
			frontendtest.Answers(t, func(string) []string { return []string{"127.0.0.1"} })
			config := strings.NewReplacer("SERVER", server, "REFUSING", programs.Refusing(t).String(), "PORT", port).Replace(c.backend)
			seen := make(map[string][]string)
			for way, serve := range ways {
				app := newAppOf(t, map[string]string{"web": config})
				var lease *pool.Lease
				if p := app.Backends["web"].Pool(); c.full {
					var err error
					if lease, err = p.Acquire(t.Context(), new(pool.Request)); err != nil {
						t.Fatal(err)
					}
				}
				if c.notTLS {
					c.config.Actions[NotTLS] = Action{Verb: UseBackend, Backend: app.Backends["web"]}
				}
				c.config.MaxHello = 65536
				c.config.InspectDelay = cmp.Or(c.config.InspectDelay, time.Hour)
				if c.content != "" {
					c.config.Content = compiled(t, c.content)
				}
				f, logged := frontendTo(app, "web", c.config)
				got := calls(t, f, serve, c.does)
				if lease != nil {
					lease.Release(pool.Served)
				}
				seen[way] = []string{got, lineOf(t, f, logged)}
			}
			if d := diff.Diff(seen["general"], seen["fast"]); d != "" {
				t.Errorf("the general path and the fast path differ (-general +fast):\n%s", d)
			}
		})
	}
}

// lineOf returns the log line of a frontend's only connection, without values that vary.
func lineOf(t *testing.T, f *Frontend, logged *observer.ObservedLogs) string {
	t.Helper()
	lines := linesOf(t, f, logged)
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	fields := lines[0].ContextMap()
	for _, changing := range []string{"accepted", "client", "local", "peer", "address"} {
		delete(fields, changing)
	}
	for name, value := range fields {
		if d, ok := value.(time.Duration); ok {
			fields[name] = d >= 0
		}
	}
	if text, ok := fields["error"].(string); ok { // there are ports in it
		fields["error"] = text[strings.LastIndex(text, ": ")+1:]
	}
	return fmt.Sprint(fields)
}

// calls returns what a client sees.
func calls(t *testing.T, f *Frontend, serve func(*Frontend, *relay.Socket) error, does []clientDoes) string {
	t.Helper()
	awaitNoConnections(t) // those of another test would be counted
	client, socket := accepted(t)
	defer client.Close()
	if err := serve(f, socket); err != nil {
		t.Fatal(err)
	}
	for _, do := range does {
		do(t, client)
	}
	_ = client.SetReadDeadline(time.Now().Add(time.Minute))
	got, err := io.ReadAll(client)
	end := "closed"
	switch {
	case errors.Is(err, unix.ECONNRESET):
		end = "reset"
	case errors.Is(err, net.ErrClosed):
		end = "gone"
	case err != nil:
		end = err.Error()
	}
	client.Close()
	awaitNoConnections(t)
	return fmt.Sprintf("%q, %s", got, end)
}

// awaitNoConnections waits until no connection is left.
func awaitNoConnections(t *testing.T) {
	t.Helper()
	for until := time.Now().Add(time.Minute); liveConns.count() > 0 || frontendConns.load("f") > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d connections are left", liveConns.count())
		}
	}
}

// accepted returns both ends of a connection over loopback.
func accepted(t testing.TB) (*net.TCPConn, *relay.Socket) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var socket *relay.Socket
	for err = unix.EAGAIN; errors.Is(err, unix.EAGAIN); {
		socket, err = relay.Accept(file.Fd(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return client.(*net.TCPConn), socket
}

// answeringOnce starts a server that answers with the number of bytes it has got, once the client
// has finished.
func answeringOnce(t *testing.T) string {
	t.Helper()
	return programs.Listen(t, time.Minute, func(c *net.TCPConn) {
		n, _ := io.Copy(io.Discard, c)
		fmt.Fprintf(c, "%d bytes", n)
	})
}
