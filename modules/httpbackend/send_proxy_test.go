// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
)

// startReceiver starts a server that reads a PROXY header at the beginning of each connection, and
// answers requests with the number of the connection and the source in its header.
func startReceiver(t *testing.T) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for number := 1; ; number++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go receive(conn, number)
		}
	}()
	return ln.Addr().String()
}

func receive(conn net.Conn, number int) {
	defer conn.Close()
	var reader proxyprotocol.Reader
	b := make([]byte, 4096)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return
		}
		h, used, err := reader.Read(b[:n])
		if err != nil {
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			return
		}
		if h == nil {
			continue
		}
		in := bufio.NewReader(io.MultiReader(bytes.NewReader(b[used:n]), conn))
		custom, _ := h.TLV(0xe1)
		_, tls := h.TLV(proxyprotocol.SSL)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			body := fmt.Sprintf("%d v%d %s %s %v", number, h.Version, h.Source, custom, tls)
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	}
}

// A connection to a server begins with the client's address, and serves this client alone.
func TestSendProxy(t *testing.T) {
	for options, want := range map[string]string{
		`"send_proxy": "v1"`: "v1 CLIENT  false",
		`"send_proxy": "v2", "proxy_v2_options": ["crc32c", "ssl", "authority"], "proxy_v2_tlvs": [{"type": 225, "format": "a %[src]"}]`: "v2 CLIENT a 127.0.0.1 true",
	} {
		r := newRig(t, "", "", startReceiver(t)+` , `+options)
		connections := make(map[string]bool)
		for range 2 {
			client, err := net.Dial("tcp", r.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			in := bufio.NewReader(client)
			var first string
			for range 2 {
				// An error shows in the answer.
				_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
				response, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(response.Body)
				_ = response.Body.Close()
				number, got, _ := strings.Cut(string(body), " ")
				if want := strings.Replace(want, "CLIENT", client.LocalAddr().String(), 1); got != want {
					t.Errorf("%s: %q, want %q", options, got, want)
				}
				if first != "" && number != first {
					t.Errorf("%s: the client's requests came over connections %s and %s", options, first, number)
				}
				first = number
			}
			if connections[first] {
				t.Errorf("%s: connection %s served two clients", options, first)
			}
			connections[first] = true
		}
	}
}

// Placeholders of a connection have no value for a request.
func TestSendProxyRefusesPlaceholders(t *testing.T) {
	b := new(balancer.Backend)
	decode(t, `{"servers": [{"name": "s1", "address": "127.0.0.1:1", "send_proxy": "v2", "proxy_v2_tlvs": [{"type": 2, "value": "{l4.client_hello.sni}"}]}]}`, b)
	app := &balancer.App{Backends: map[string]*balancer.Backend{"web": b}}
	provision(t, app)
	h := &Handler{Backend: "web"}
	if err := h.provision(app); err == nil || !strings.Contains(err.Error(), "not available over HTTP") {
		t.Errorf("error %v", err)
	}
}
