// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// headerPolicies are sources of headers, by name, for connections from loopback.
func headerPolicies() map[string]HeaderPolicy {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return map[string]HeaderPolicy{
		"required": {{Networks: loopback}}, "optional": {{Networks: loopback, Optional: true}}, "not allowed": {},
	}
}

// FuzzHeaderAndHello sends bytes in random pieces to a frontend that takes PROXY headers, in both
// ways of serving a connection. Whatever the pieces, the server gets each byte behind a header once
// and none of a header, and the connection ends as its bytes taken at once say.
func FuzzHeaderAndHello(f *testing.F) {
	hello := hellotest.Plain(hellotest.SNI("a.example.test")).Raw()
	line := []byte("PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n")
	w := proxyprotocol.BeginV2(nil, netip.MustParseAddrPort("198.51.100.7:50676"), netip.MustParseAddrPort("[2001:db8::1]:443"))
	w.TLV(proxyprotocol.Authority, []byte("a.example"))
	w.Checksum()
	v2 := w.End()
	for _, b := range [][]byte{
		slices.Concat(line, hello), slices.Concat(v2, hello), slices.Concat(v2, hello, []byte("early data")), slices.Concat(line, v2, hello), hello, line, v2[:20],
		[]byte("PROXY UNKNOWN x\r\nGET / HTTP/1.1\r\n"), []byte("PROPFIND / HTTP/1.1\r\n"), []byte("PROXY \r\n"), []byte("\r\n\r\nhello"), slices.Concat(v2[:16], hello),
	} {
		f.Add(b, []byte{1, 5, 11, 1})
		f.Add(b, []byte{16, 40, 200})
	}
	server := programs.Listen(f, 10*time.Minute, func(c *net.TCPConn) {
		b, _ := io.ReadAll(c)
		_, _ = c.Write(b)
	})
	app := newAppOf(f, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + server + `"}]}`})
	config := Config{InspectDelay: time.Hour, MaxHello: 65536}
	for _, reason := range []Reason{NotTLS, SSLv2, Malformed, TooLarge} {
		config.Actions[reason] = Action{Verb: UseBackend, Backend: app.Backends["web"]}
	}
	frontends, logs := make(map[string]*Frontend), make(map[string]*observer.ObservedLogs)
	for name, policy := range headerPolicies() {
		config.Name, config.AcceptProxy = name, policy
		frontends[name], logs[name] = frontendTo(app, "web", config)
	}
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		b, cuts = b[:min(len(b), 20_000)], cuts[:min(len(cuts), 6)]
		for name, frontend := range frontends {
			want := expected(name, b)
			for way, serve := range ways {
				logs[name].TakeAll()
				if got := sendCut(t, frontend, serve, b, cuts) + ", " + endOfNext(t, logs[name]); got != want {
					t.Errorf("headers %s, %s path, %q cut after %v:\n got %s\nwant %s", name, way, b, cuts, got, want)
				}
			}
		}
	})
}

// expected returns the bytes that the server gets of b, and the end in the log.
func expected(policy string, b []byte) string {
	h, used, err := new(proxyprotocol.Reader).Read(b)
	ending := func(end tcplog.End) string { return fmt.Sprintf("%q, %s", "", end) }
	switch {
	case policy == "not allowed" && proxyprotocol.Begins(b):
		return ending(tcplog.HeaderNotAllowed)
	case policy == "not allowed" || policy == "optional" && errors.Is(err, proxyprotocol.ErrNoHeader):
		used = 0
	case errors.Is(err, proxyprotocol.ErrNoHeader):
		return ending(tcplog.HeaderMissing)
	case err != nil:
		return ending(tcplog.HeaderInvalid)
	case h == nil: // the client leaves within it
		return ending(tcplog.ClientLeft)
	}
	hello := clienthello.NewInspection(65536)
	defer hello.Release()
	if hello.Feed(b[used:]) == clienthello.Pending {
		return ending(tcplog.ClientLeft)
	}
	return fmt.Sprintf("%q, %s", b[used:], tcplog.Complete)
}

// sendCut sends bytes in pieces of the lengths in cuts, and the rest, and returns the answer.
func sendCut(t *testing.T, f *Frontend, serve func(*Frontend, *relay.Socket) error, b, cuts []byte) string {
	t.Helper()
	client, socket := accepted(t)
	defer client.Close()
	if err := serve(f, socket); err != nil {
		t.Fatal(err)
	}
	_ = client.SetDeadline(time.Now().Add(time.Minute))
	for _, n := range cuts {
		n := min(len(b), int(n))
		_, _ = client.Write(b[:n]) // it may be refused already
		b = b[n:]
		time.Sleep(200 * time.Microsecond)
	}
	_, _ = client.Write(b)
	_ = client.CloseWrite()
	var answer bytes.Buffer
	_, _ = answer.ReadFrom(client) // a reset loses nothing that counts: the log says how it ended
	return fmt.Sprintf("%q", answer.Bytes())
}

// endOfNext returns the end in the next line of a log.
func endOfNext(t *testing.T, logged *observer.ObservedLogs) string {
	t.Helper()
	for over := time.Now().Add(time.Minute); time.Now().Before(over); time.Sleep(100 * time.Microsecond) {
		for _, e := range logged.TakeAll() {
			if e.Message == "session" {
				return fmt.Sprint(cmp.Or[any](e.ContextMap()["end"], ""))
			}
		}
	}
	t.Fatal("no line in the log")
	return ""
}
