// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// allNext passes on every connection that has no backend.
var allNext = Actions{NoMatch: {Verb: Next}, NoServer: {Verb: Next}, Timeout: {Verb: Next}, NotTLS: {Verb: Next}, SSLv2: {Verb: Next}, Malformed: {Verb: Next}, TooLarge: {Verb: Next}}

// TestNext passes connections on by both paths: what takes them gets every byte and the client's
// address, can answer, and nothing is logged.
func TestNext(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	header := []byte("PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n")
	proxied := Config{AcceptProxy: HeaderPolicy{{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}}
	next := Router{}
	if err := next.Add(&Route{Target: Refuse(Next)}); err != nil {
		t.Fatal(err)
	}
	accepts := `{"inspect_delay": "1h", "rules": [{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]}]}`
	for name, c := range map[string]struct {
		config  Config
		content string
		router  *Router
		does    []clientDoes
		from    string // the client's address; empty: its socket's
		want    []byte
	}{
		"no match":               {does: []clientDoes{sends(hello)}, want: hello},
		"in parts":               {does: []clientDoes{sends(hello[:1]), pauses, sends(hello[1:60]), pauses, sends(hello[60:]), pauses, sends([]byte("more"))}, want: slices.Concat(hello, []byte("more"))},
		"a rule":                 {router: &next, does: []clientDoes{sends(hello)}, want: hello},
		"not TLS":                {does: []clientDoes{sends([]byte("GET / HTTP/1.1\r\n\r\n"))}, want: []byte("GET / HTTP/1.1\r\n\r\n")},
		"not TLS, in parts":      {does: []clientDoes{sends([]byte("G")), pauses, sends([]byte("ET /"))}, want: []byte("GET /")},
		"malformed":              {does: []clientDoes{sends([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0})}, want: []byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0}},
		"too large":              {config: Config{MaxHello: 256}, does: []clientDoes{sends(hello)}, want: hello},
		"silent":                 {config: Config{InspectDelay: 50 * time.Millisecond}, does: []clientDoes{isLate, sends([]byte("late"))}, want: []byte("late")},
		"half a hello":           {config: Config{InspectDelay: 100 * time.Millisecond}, does: []clientDoes{sends(hello[:100]), isLate}, want: hello[:100]},
		"no server":              {router: &Router{}, does: []clientDoes{sends(hello)}, want: hello},
		"rules":                  {content: accepts, does: []clientDoes{sends(hello[:3]), pauses, sends(hello[3:])}, want: hello},
		"header":                 {config: proxied, does: []clientDoes{sends(header), sends(hello)}, from: "198.51.100.7:50676", want: hello},
		"header, in one segment": {config: proxied, does: []clientDoes{sends(slices.Concat(header, hello))}, from: "198.51.100.7:50676", want: hello},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(map[string][]string)
			for way := range ways {
				app := newAppOf(t, map[string]string{"empty": `{"servers": []}`})
				c.config.MaxHello = cmp.Or(c.config.MaxHello, 65536)
				c.config.InspectDelay = cmp.Or(c.config.InspectDelay, time.Hour)
				c.config.Actions = allNext
				if c.content != "" {
					c.config.Content = compiled(t, c.content)
				}
				f, logged := frontendTo(app, "", c.config)
				if c.router != nil {
					f.Router = c.router
				}
				if name == "no server" {
					f.Router.Default = app.Backends["empty"]
				}
				seen[way] = passesOn(t, f, way, c.does)
				if lines := linesOf(t, f, logged); len(lines) > 0 {
					t.Errorf("%s: logged %v", way, lines)
				}
			}
			if d := diff.Diff(seen["general"], seen["fast"]); d != "" {
				t.Errorf("the general path and the fast path differ (-general +fast):\n%s", d)
			}
			want := []string{fmt.Sprintf("%q from %s", c.want, cmp.Or(c.from, "the socket's address")), `"seen", <nil>`, "1"}
			if d := diff.Diff(want, seen["fast"]); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// passesOn returns what the taker of a connection sees, what its client sees, and the number of
// connections that are counted as passed on.
func passesOn(t *testing.T, f *Frontend, way string, does []clientDoes) []string {
	t.Helper()
	before := f.ends.by[tcplog.PassedOn].Load()
	taken := make(chan string, 1)
	entry := f.Entry(EntryConfig{Next: func(conn net.Conn) bool {
		go func() {
			defer conn.Close()
			got, err := io.ReadAll(conn)
			if err != nil {
				t.Error(err)
			}
			from := conn.RemoteAddr().String()
			if strings.HasPrefix(from, "127.0.0.1:") {
				from = "the socket's address"
			}
			taken <- fmt.Sprintf("%q from %s", got, from)
			if _, err := conn.(io.ReaderFrom).ReadFrom(strings.NewReader("seen")); err != nil {
				t.Error(err)
			}
			if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Error(err)
			}
			if err := withDescriptor(conn); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, conn)
		}()
		return true
	}})
	got := calls(t, f, func(_ *Frontend, s *relay.Socket) error {
		if way == "fast" {
			return relay.OnShard(s, entry.ServeOnShard)
		}
		go entry.Serve(s, time.Now())
		return nil
	}, append(slices.Clone(does), finishes))
	return []string{<-taken, strings.Replace(got, "closed", "<nil>", 1), fmt.Sprint(f.ends.by[tcplog.PassedOn].Load() - before)}
}

// withDescriptor calls a function with the connection's descriptor.
func withDescriptor(conn net.Conn) error {
	raw, err := rawConn(conn)
	if err != nil {
		return err
	}
	return raw.Control(func(uintptr) {})
}

// Without anything that takes it, or if that refuses, a connection is closed, with a line that says
// why.
func TestNextIsMissing(t *testing.T) {
	for name, next := range map[string]func(net.Conn) bool{"nil": nil, "refuses": func(net.Conn) bool { return false }} {
		for way := range ways {
			app := newAppOf(t, nil)
			f, logged := frontendTo(app, "", Config{MaxHello: 65536, InspectDelay: time.Hour, Actions: allNext})
			entry := f.Entry(EntryConfig{Next: next})
			got := calls(t, f, func(_ *Frontend, s *relay.Socket) error {
				if way == "fast" {
					return relay.OnShard(s, entry.ServeOnShard)
				}
				go entry.Serve(s, time.Now())
				return nil
			}, []clientDoes{sends([]byte("GET / HTTP/1.1\r\n\r\n"))})
			if !strings.HasPrefix(got, `"", `) {
				t.Errorf("%s, %s: the client sees %s", name, way, got)
			}
			line := lineOf(t, f, logged)
			if !strings.Contains(line, "error:nothing takes the connections that are passed on") || !strings.Contains(line, "end:no_server") {
				t.Errorf("%s, %s: %s", name, way, line)
			}
		}
	}
}

// A frontend's buffer is another connection's by the time the bytes are read.
func TestNextKeepsBytes(t *testing.T) {
	app := newAppOf(t, nil)
	f, _ := frontendTo(app, "", Config{MaxHello: 65536, InspectDelay: time.Hour, Actions: allNext})
	taken := make(chan net.Conn, 100)
	entry := f.Entry(EntryConfig{Next: func(conn net.Conn) bool { taken <- conn; return true }})
	want := make(map[string][]byte)
	for i := range cap(taken) {
		client, socket := accepted(t)
		defer client.Close()
		hello := hellotest.Hello(t, fmt.Sprintf("name-%d.example.test", i))
		want[client.LocalAddr().String()+" to "+client.RemoteAddr().String()] = hello
		if err := relay.OnShard(socket, entry.ServeOnShard); err != nil {
			t.Fatal(err)
		}
		sends(hello)(t, client)
	}
	for range cap(taken) {
		conn := <-taken
		got := make([]byte, 64<<10)
		n, err := conn.Read(got[:7])
		m, err2 := conn.Read(got[n:])
		which := conn.RemoteAddr().String() + " to " + conn.LocalAddr().String()
		if hello := want[which]; err != nil || err2 != nil || !bytes.Equal(got[:n+m], hello) {
			t.Errorf("%s: %d and %d bytes (%v, %v), expected the hello of %d bytes", which, n, m, err, err2, len(hello))
		}
		conn.Close()
	}
}
