// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// A frontend of mode http with accept-proxy tells the client's address from the header, in HAProxy
// and here: of curl, which sends its own address, and of a proxy that sends another one.
func TestAcceptProxyInModeHTTP(t *testing.T) {
	haproxy := programs.Need(t, "haproxy")
	programs.Need(t, "curl")
	config := func(address string) string {
		return fmt.Sprintf(`defaults
	mode http
	timeout connect 5s
	timeout client 5s
	timeout server 5s
frontend site
	bind %s accept-proxy
	http-request return status 200 content-type text/plain lf-string "%%[src] %%[dst]"
`, address)
	}
	theirs, ours := freeAddress(t), freeAddress(t)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config(theirs)), 0o600); err != nil {
		t.Fatal(err)
	}
	startHAProxy(t, haproxy, file)
	runHAProxyConfig(t, map[string]string{"haproxy.cfg": config(ours)})
	for program, address := range map[string]string{"HAProxy": theirs, "here": ours} {
		awaitListener(t, address)
		if out, err := exec.CommandContext(t.Context(), "curl", "-s", "--haproxy-protocol", "http://"+address).Output(); err != nil || string(out) != "127.0.0.1 127.0.0.1" {
			t.Errorf("%s: curl --haproxy-protocol: %q, %v", program, out, err)
		}
		if out, err := exec.CommandContext(t.Context(), "curl", "-s", "http://"+address).Output(); err == nil {
			t.Errorf("%s: curl without a header: %q", program, out)
		}
		for header, want := range map[string]string{
			"PROXY TCP4 203.0.113.9 198.51.100.1 1111 80\r\n": "203.0.113.9 198.51.100.1",
			"PROXY TCP6 2001:db8::9 2001:db8::1 1111 80\r\n":  "2001:db8::9 2001:db8::1",
			"PROXY UNKNOWN\r\n": "127.0.0.1 127.0.0.1",
			"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x09\xc6\x33\x64\x01\x04\x57\x00\x50": "203.0.113.9 198.51.100.1",
			"PROXY TCP4 203.0.113.9\r\n": "",
		} {
			if body := bodyBehind(t, address, header); body != want {
				t.Errorf("%s: after %q: %q, want %q", program, header, body, want)
			}
		}
	}
}

// awaitListener waits until an address is listened on.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	until(t, address+" is listened on", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// bodyBehind sends a request behind a PROXY header, and returns the body of the answer; empty
// without an answer.
func bodyBehind(t *testing.T, address, header string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	// An error shows in the answer.
	_, _ = io.WriteString(conn, header+"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	status, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	if !strings.HasPrefix(status, fmt.Sprintf("HTTP/1.1 %d ", http.StatusOK)) {
		return ""
	}
	return body
}
