// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// openFamily listens with a network, and closes with the test.
func openFamily(t *testing.T, network, host string, port int) (net.Listener, error) {
	t.Helper()
	if port == 0 {
		port = unused(t)
	}
	addr, err := caddy.ParseNetworkAddress(fmt.Sprintf("%s/%s", network, net.JoinHostPort(host, strconv.Itoa(port))))
	if err != nil {
		t.Fatal(err)
	}
	got, err := addr.Listen(t.Context(), 0, net.ListenConfig{})
	if err != nil {
		return nil, err
	}
	ln := got.(net.Listener)
	t.Cleanup(func() { ln.Close() })
	return ln, nil
}

func needIPv6(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	ln.Close()
}

// Both IP versions can have one port, each with its own socket, which gets no client of the other
// version.
func TestFamiliesShareAPort(t *testing.T) {
	needIPv6(t)
	for _, hosts := range [][2]string{{"", ""}, {"0.0.0.0", "::"}} {
		four, err := openFamily(t, "durable4", hosts[0], 0)
		if err != nil {
			t.Fatal(err)
		}
		port := portOf(four)
		if conn, err := net.Dial("tcp", net.JoinHostPort("::1", strconv.Itoa(port))); err == nil {
			conn.Close()
			t.Errorf("durable4 at %q takes a client of IPv6", hosts[0])
		}
		six, err := openFamily(t, "durable6", hosts[1], port)
		if err != nil {
			t.Fatal(err)
		}
		if portOf(six) != port || users(port) != 2 || four.(*listener).sock == six.(*listener).sock {
			t.Errorf("ports %d and %d, %d users", port, portOf(six), users(port))
		}
		for client, ln := range map[string]net.Listener{"127.0.0.1": four, "::1": six} {
			conn, err := net.Dial("tcp", net.JoinHostPort(client, strconv.Itoa(port)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if got.RemoteAddr().String() != conn.LocalAddr().String() {
				t.Errorf("%s: accepted %v, want %v", client, got.RemoteAddr(), conn.LocalAddr())
			}
			got.Close()
			conn.Close()
		}
		four.Close()
		if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			conn.Close()
			t.Error("durable6 takes a client of IPv4")
		}
		six.Close()
	}
}

// Users of one IP version and users of both share the socket of that version, however they spell
// its address.
func TestFamiliesShareWithBoth(t *testing.T) {
	needIPv6(t)
	for network, spelled := range map[string]string{"durable4": "0.0.0.0", "durable6": "::"} {
		port := unused(t)
		a, err := openFamily(t, network, "", port)
		if err != nil {
			t.Fatal(err)
		}
		b, err := openFamily(t, network, spelled, port)
		if err != nil {
			t.Fatal(err)
		}
		c, err := openFamily(t, "durable", "", port)
		if err != nil {
			t.Fatal(err)
		}
		if n := users(port); n != 4 {
			t.Errorf("%s: %d users, want 4", network, n)
		}
		a.Close()
		b.Close()
		for _, client := range []string{"127.0.0.1", "::1"} {
			conn, err := net.Dial("tcp", net.JoinHostPort(client, strconv.Itoa(port)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if got.RemoteAddr().String() != conn.LocalAddr().String() {
				t.Errorf("%s: accepted %v, want %v", client, got.RemoteAddr(), conn.LocalAddr())
			}
			got.Close()
			conn.Close()
		}
		c.Close()
		if n := users(port); n != 0 {
			t.Errorf("%s: %d users after the last close", network, n)
		}
		if _, err := c.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after that: %v", err)
		}
	}
}

func TestAddressOfTheOtherFamily(t *testing.T) {
	for _, c := range []struct{ network, host string }{
		{"durable4", "::"},
		{"durable4", "0:0:0:0:0:0:0:0"},
		{"durable4", "::1"},
		{"durable6", "0.0.0.0"},
		{"durable6", "127.0.0.1"},
		{"durable6", "::ffff:127.0.0.1"},
	} {
		want := fmt.Sprintf("resolving address %q: ", c.host)
		if _, err := openFamily(t, c.network, c.host, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s/%s: %v, want %s", c.network, c.host, err, want)
		}
	}
}

// Caddy's http app listens on these networks without HTTP/3.
func TestCaddyHTTP(t *testing.T) {
	needIPv6(t)
	port := unused(t)
	err := caddy.Load(fmt.Appendf(nil, `{
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "ERROR"}}},
		"apps": {"http": {"servers": {"redirects": {
			"listen": ["durable4/127.0.0.1:%[1]d", "durable6/[::1]:%[1]d"], "protocols": ["h1"], "automatic_https": {"disable": true},
			"routes": [{"handle": [{"handler": "static_response", "status_code": "204"}]}]}}}}
	}`, port), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
		status := make([]byte, len("HTTP/1.0 204"))
		if _, err := conn.Read(status); err != nil || string(status) != "HTTP/1.0 204" {
			t.Errorf("%s: %q, %v", host, status, err)
		}
		conn.Close()
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); users(port) != 0; time.Sleep(time.Millisecond) { // Caddy does not wait
		if time.Now().After(end) {
			t.Fatalf("%d users after Caddy stopped", users(port))
		}
	}
}
