// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// preconnecting returns a configuration with a backend whose servers' connections are kept ready.
func preconnecting(listen, options string, servers ...string) string {
	var list strings.Builder
	for i, at := range servers {
		fmt.Fprintf(&list, "server s%d %s\n", i+1, at)
	}
	return fmt.Sprintf("passthrough {\n backend web {\n %s\n %s }\n frontend tls {\n bind %s\n content {\n inspect_delay 1ms\n }\n default_backend web\n }\n}", options, list.String(), listen)
}

// TestPreconnectToNginx keeps connections ready to an nginx that closes silent ones after a second.
// No client may get one that is closed.
func TestPreconnectToNginx(t *testing.T) {
	t.Parallel()
	a, at, ours := newAuthority(t), freeAddress(t), freeAddress(t)
	cert, key := a.issue(t, "web.example", 30)
	args := nginxArgs(t, at, cert, key)
	config, err := os.ReadFile(args[len(args)-1])
	if err != nil {
		t.Fatal(err)
	}
	impatient := strings.Replace(string(config), "access_log off;", "access_log off; client_header_timeout 1s;", 1)
	if err := os.WriteFile(args[len(args)-1], []byte(impatient), 0o600); err != nil {
		t.Fatal(err)
	}
	runServer(t, "nginx", args...)
	start(t, preconnecting(ours, "preconnect 4", at), "")
	for over := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", at); err == nil {
			c.Close()
			break
		} else if time.Now().After(over) {
			t.Fatal(err)
		}
	}
	for began, n := time.Now(), 0; time.Since(began) < 4*time.Second; n++ {
		c, err := tls.Dial("tcp", ours, &tls.Config{InsecureSkipVerify: true, ServerName: "web.example"})
		if err != nil {
			t.Fatalf("after %d requests: %v", n, err)
		}
		if _, err := io.WriteString(c, "GET /readyz HTTP/1.1\r\nHost: web.example\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("after %d requests: %v, %v", n, response, err)
		}
		response.Body.Close()
		c.Close()
		time.Sleep(30 * time.Millisecond)
	}
}

// TestPreconnectLife follows the connections that are kept ready: they are there before a client,
// a reload hands them over, and they end when the server is disabled.
func TestPreconnectLife(t *testing.T) {
	t.Parallel()
	var made, open atomic.Int64
	at := listen(t, func(c *net.TCPConn) {
		made.Add(1)
		open.Add(1)
		defer open.Add(-1)
		if n, _ := c.Read(make([]byte, 4096)); n > 0 {
			_, _ = io.WriteString(c, "A")
		}
		_, _ = io.Copy(io.Discard, c)
	})
	awaitCount := func(what string, count *atomic.Int64, want int64) {
		t.Helper()
		for over := time.Now().Add(patience); count.Load() != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(over) {
				t.Fatalf("%s: %d, want %d", what, count.Load(), want)
			}
		}
	}
	ours, routed := freeAddress(t), freeAddress(t)
	config := func(options, at string) string { // a route of layer4 is served by a goroutine
		return preconnecting(ours, options, at) + fmt.Sprintf("\nlayer4 {\n %s {\n route {\n passthrough {\n content {\n inspect_delay 1ms\n }\n default_backend web\n }\n }\n }\n}", routed)
	}
	p := start(t, config("preconnect 3", at), "")
	awaitCount("connections before a client", &made, 3)
	visit := func(address string) net.Conn {
		t.Helper()
		c := dial(t, address)
		if _, err := io.WriteString(c, "no TLS"); err != nil {
			t.Fatal(err)
		}
		if got := read(t, c, make([]byte, 1)); got != "A" {
			t.Fatalf("answer %q", got)
		}
		return c
	}
	first := visit(ours)
	awaitCount("connections with a client", &made, 4)
	visit(routed).Close()
	awaitCount("connections with another client", &made, 5)
	for i := range 3 {
		before := made.Load()
		if err := p.reload(t, config(fmt.Sprintf("preconnect 3\nretries %d", i), at), ""); err != nil {
			t.Fatal(err)
		}
		visit(ours).Close()
		awaitCount("open connections after a reload", &open, 4)
		// One replaces that of the client; another may have been on its way.
		if n := made.Load(); n > before+2 {
			t.Errorf("%d connections were made during a reload, and %d before", n, before)
		}
	}
	if err := p.reload(t, config("preconnect 3", at+" disabled"), ""); err != nil {
		t.Fatal(err)
	}
	awaitCount("connections of a disabled server with one client", &open, 1)
	first.Close()
	awaitCount("connections without a client", &open, 0)
}
