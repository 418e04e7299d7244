// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// connAt is a client's connection to an address of this machine.
type connAt struct {
	hellotest.Conn
	local net.Addr
}

func (c *connAt) LocalAddr() net.Addr { return c.local }

// oneSession has a frontend with one backend, any, handle a client that has sent
// some bytes and left.
func oneSession(t *testing.T, address string, h *Handler, local net.Addr, sent []byte) (cx *layer4.Connection, line observer.LoggedEntry) {
	t.Helper()
	app, ctx := frontendtest.App(t, map[string]string{
		"any":   fmt.Sprintf(`{"servers": [{"name": "s1", "address": %q}], "retries": 2, "timeouts": {"connect": "1m"}, "allow_local_addresses": true}`, address),
		"sorry": `{"servers": [{"name": "s2", "address": "127.0.0.1:1"}], "retries": 0}`,
	})
	h.DefaultBackend, h.InspectDelay = "any", caddy.Duration(time.Minute)
	logged := provisioned(t, ctx, app, h)
	cx = layer4.WrapConnection(&connAt{local: local}, sent, zap.NewNop())
	if err := h.Handle(cx, nil); err != nil {
		t.Error(err)
	}
	return cx, onlyLine(t, logged)
}

var elsewhere = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}

// If the client's data give no address, the connection ends without a retry, which would find none
// either.
func TestNoAddress(t *testing.T) {
	frontendtest.Answers(t, func(string) []string { return nil })
	hello := func(name string) []byte { return hellotest.Plain(hellotest.SNI(name)).Raw() }
	const template = "{l4.client_hello.sni}:443"
	for name, c := range map[string]struct {
		template, address string
		sent              []byte
		error             string
	}{
		"no server name":       {template, template, hellotest.Plain().Raw(), `host "": not the name of a host`},
		"an address":           {template, template, hello("127.0.0.1"), `host "127.0.0.1": an address, expected a name`},
		"an odd address":       {template, template, hello("2130706433"), `host "2130706433": an address, expected a name`},
		"no host name":         {template, template, hello("a/b"), `host "a/b": not the name of a host`},
		"a placeholder":        {template, template, hello("{l4.client_hello.sni}"), `host "{l4.client_hello.sni}": not the name of a host`},
		"half a placeholder":   {"127.0.0.1:{l4.client_hello.sni}", "127.0.0.1:{l4.client_hello.sni}", hello("{a"), `address "127.0.0.1:{a": expected HOST:PORT`},
		"no port":              {"127.0.0.1:{l4.client_hello.sni}", "127.0.0.1:{l4.client_hello.sni}", hello("https"), `expected a port from 1 to 65535`},
		"no such host":         {template, "nowhere.test:443", hello("nowhere.test"), "no such host"},
		"no hello at all":      {template, template, []byte("GET / HTTP/1.1\r\n"), `host "": not the name of a host`},
		"an unknown thing":     {"{l4.vars.nothing}:443", "{l4.vars.nothing}:443", hello("a.test"), `host "": not the name of a host`},
		"a suffix, no name":    {"{l4.client_hello.sni}.test:443", "{l4.client_hello.sni}.test:443", hellotest.Plain().Raw(), `host ".test": not the name of a host`},
		"a name in upper case": {template, "nowhere.test:443", hello("NOWHERE.TEST"), "no such host"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Handler{On: map[string]string{"not_tls": "default"}}
			cx, line := oneSession(t, c.template, h, elsewhere, c.sent)
			if s := h.router.Default.Pool().Servers()[0]; s.Failed() != 0 || s.Sessions() != 0 {
				t.Errorf("the server has %d failures and %d sessions", s.Failed(), s.Sessions())
			}
			fields := line.ContextMap()
			for field, want := range map[string]any{
				"end": "no_address", "termination": "SC", "ended_by": "proxy", "retries": int64(0), "redispatched": false,
				"backend": "any", "server": "s1", "server_address": c.address,
			} {
				if fields[field] != want {
					t.Errorf("%s is %v, want %v", field, fields[field], want)
				}
			}
			if message := fields["error"].(string); !strings.HasPrefix(message, "no address to connect to: ") || !strings.Contains(message, c.error) {
				t.Errorf("error %q, want %q", message, c.error)
			}
			want := ""
			if c.sent[0] == 22 {
				want = alertRecord(80)
			}
			if got := string(cx.Conn.(*connAt).Sent); got != want {
				t.Errorf("the client got %x, want %x", got, want)
			}
		})
	}
}

// on no_server can name another backend for connections without an address.
func TestStandInForNoAddress(t *testing.T) {
	h := &Handler{On: map[string]string{"no_server": "backend sorry"}}
	_, line := oneSession(t, "{l4.client_hello.sni}:443", h, elsewhere, hellotest.Plain().Raw())
	if fields := line.ContextMap(); fields["backend"] != "sorry" || fields["server"] != "s2" || fields["end"] != "connect_failed" {
		t.Errorf("logged as %v", fields)
	}
}

// A server that cannot be reached is tried again, under whatever name.
func TestFilledAddressIsTriedAgain(t *testing.T) {
	frontendtest.Answers(t, func(string) []string { return []string{"127.0.0.1"} })
	_, line := oneSession(t, "{l4.client_hello.sni}:1", &Handler{}, elsewhere, hellotest.Plain(hellotest.SNI("a.test")).Raw())
	if fields := line.ContextMap(); fields["end"] != "connect_failed" || fields["ended_by"] != "server" || fields["retries"] != int64(2) || fields["server_address"] != "a.test:1" {
		t.Errorf("logged as %v", fields)
	}
}

// The session goes to the host that the client names. The memory of its hello is released
// afterwards.
func TestFilledAddress(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	received := make(chan []byte, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		all, _ := io.ReadAll(conn)
		received <- all
	}()
	frontendtest.Answers(t, func(host string) []string {
		if host != "shop.a.test" {
			return nil
		}
		return []string{"127.0.0.1"}
	})
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	raw := hellotest.Plain(hellotest.SNI("SHOP.a.test.")).Raw()
	cx, line := oneSession(t, "{l4.client_hello.sni}:"+port, &Handler{}, elsewhere, raw)
	if fields := line.ContextMap(); fields["end"] != "complete" || fields["server_address"] != "shop.a.test:"+port {
		t.Fatalf("logged as %v", fields)
	}
	if got := <-received; string(got) != string(raw) {
		t.Errorf("the server got %x, want %x", got, raw)
	}
	for _, name := range []string{"sni", "outcome", "ja4"} {
		if value, known := cx.Replacer().Get("l4.client_hello." + name); known {
			t.Errorf("placeholder %s is %q after the session", name, value)
		}
	}
}

// A host that leads back to the frontend is not connected to.
func TestLoop(t *testing.T) {
	own := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	for _, name := range []string{"one.test", "two.test", "three.test"} {
		frontendtest.Answers(t, func(host string) []string {
			return map[string][]string{"one.test": {"127.0.0.1"}, "two.test": {"127.0.0.1", "192.0.2.1"}, "three.test": {"127.0.0.1", "192.0.2.1", "127.0.0.1"}}[host]
		})
		_, line := oneSession(t, "{l4.client_hello.sni}:1", &Handler{}, own, hellotest.Plain(hellotest.SNI(name)).Raw())
		fields := line.ContextMap()
		if fields["end"] != "no_address" || fields["retries"] != int64(0) || fields["server_address"] != name+":1" {
			t.Errorf("%s: logged as %v", name, fields)
		}
		if message := fields["error"].(string); !strings.HasSuffix(message, "127.0.0.1:1 is this frontend") {
			t.Errorf("%s: error %q", name, message)
		}
	}
}

// A client cannot choose a host that leads to this system or its link, whatever else the
// name leads to; the configuration can, and it can let clients.
func TestLocalAddresses(t *testing.T) {
	dial := func(options, template, name string, addresses ...string) map[string]any {
		t.Helper()
		frontendtest.AnswersOf(t, func(_ string, f resolve.Family) (found []netip.Addr, _ error) {
			for _, text := range addresses {
				if a := netip.MustParseAddr(text); a.Is4() == (f == resolve.IPv4) {
					found = append(found, a)
				}
			}
			return found, nil
		})
		app, ctx := frontendtest.App(t, map[string]string{"any": fmt.Sprintf(`{"servers": [{"name": "s1", "address": %q}], "retries": 0, "timeouts": {"connect": "1m"}%s}`, template, options)})
		h := &Handler{DefaultBackend: "any"}
		logged := provisioned(t, ctx, app, h)
		cx := layer4.WrapConnection(&connAt{local: elsewhere}, hellotest.Plain(hellotest.SNI(name)).Raw(), zap.NewNop())
		if err := h.Handle(cx, nil); err != nil {
			t.Error(err)
		}
		return onlyLine(t, logged).ContextMap()
	}
	const template, allowed = "{l4.client_hello.sni}:1", `, "allow_local_addresses": true`
	for i, addresses := range [][]string{
		{"127.0.0.1"},
		{"127.8.9.10"},
		{"0.0.0.0"},
		{"169.254.169.254"},
		{"224.0.0.1"},
		{"::1"},
		{"::"},
		{"fe80::1"},
		{"ff02::1"},
		{"::ffff:127.0.0.1"},
		{"::ffff:169.254.169.254"},
		{"192.0.2.1", "127.0.0.1"},
		{"2001:db8::1", "127.0.0.1"},
		{"192.0.2.1", "::1"},
	} {
		line := dial("", template, fmt.Sprintf("l%d.test", i), addresses...)
		if line["end"] != "no_address" || !strings.Contains(line["error"].(string), "unless allow_local_addresses or allow_destinations permits it") {
			t.Errorf("%s: logged as %v", addresses, line)
		}
	}
	if line := dial(allowed, template, "a.test", "127.0.0.1"); line["end"] != "connect_failed" {
		t.Errorf("allowed: logged as %v", line)
	}
	if line := dial("", "b.test:1{l4.vars.nothing}", "a.test", "127.0.0.1"); line["end"] != "connect_failed" {
		t.Errorf("the configuration's own name: logged as %v", line)
	}
}
