// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const nginxStream = "/usr/lib/nginx/modules/ngx_stream_module.so"

// startNginxStream runs an nginx that passes connections at an address on to servers.
func startNginxStream(t testing.TB, address, servers string) {
	t.Helper()
	if _, err := os.Stat(nginxStream); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("load_module %[1]s; daemon off; master_process off; pid %[2]s/pid; error_log %[2]s/error.log; events { }\nstream {\n\tupstream web { %[3]s }\n\tserver { listen %[4]s; proxy_pass web; }\n}",
		nginxStream, dir, servers, address)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	runServer(t, "nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
}

// namesFrom returns the names of the servers of some connections.
func namesFrom(t testing.TB, address string, n int) string {
	t.Helper()
	var names strings.Builder
	for range n {
		c := dial(t, address)
		names.WriteString(read(t, c, make([]byte, 1)))
		c.Close()
	}
	return names.String()
}

// half reports whether about half of ten connections went to A. While earlier connections are
// ending, the order is not that of the connects.
func half(names string) bool {
	n := strings.Count(names, "A")
	return n >= 3 && n <= 7
}

// A server that dies gets no connections after a few failed connects of clients, without any
// check, and is tried again when its time is over. An nginx beside it, with the same servers, does
// the same.
func TestPassiveBesideNginx(t *testing.T) {
	t.Parallel()
	serve := func(name string) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			_, _ = io.WriteString(c, name)
			_, _ = io.Copy(io.Discard, c)
		}
	}
	b := listen(t, serve("B"))
	begin := func(address string) net.Listener {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go accept(ln, serve("A"))
		return ln
	}
	dying := begin(freeAddress(t))
	a, ours, theirs := dying.Addr().String(), freeAddress(t), freeAddress(t)
	const out = 10 * time.Second // a busy machine needs less for the attempts meanwhile
	startNginxStream(t, theirs, fmt.Sprintf("server %s max_fails=3 fail_timeout=%v; server %s max_fails=3 fail_timeout=%[2]v;", a, out, b))
	p := start(t, fmt.Sprintf("passthrough {\n backend web {\n server s1 %s\n server s2 %s\n passive {\n fails 3\n window %[4]v\n eject %[4]v\n }\n }\n}\nlayer4 {\n durable/%[3]s {\n route {\n passthrough {\n content {\n inspect_delay 1ms\n }\n default_backend web\n }\n }\n }\n}", a, b, ours, out), "")
	proxies := map[string]string{"nginx": theirs, "here": ours}
	for name, address := range proxies {
		// Nginx may not listen yet.
		for over := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			if c, err := net.Dial("tcp", address); err == nil {
				c.Close()
				break
			} else if time.Now().After(over) {
				t.Fatal(name, err)
			}
		}
		if got := namesFrom(t, address, 10); !half(got) {
			t.Errorf("%s: served by %s, want both", name, got)
		}
	}
	died := time.Now()
	dying.Close()
	for name, address := range proxies {
		if got := namesFrom(t, address, 10); got != "BBBBBBBBBB" {
			t.Errorf("%s: served by %s while A is dead", name, got)
		}
	}
	down := p.becomes(t, "s1", func(s *serverState) bool { return s.Health == "down" })
	if down.LastCheck.Code != "EJECT" || !strings.Contains(down.LastCheck.Info, fmt.Sprintf("3 failed connects within %v", out)) {
		t.Errorf("A is down after %+v", down.LastCheck)
	}
	begin(a)
	for name, address := range proxies {
		// Otherwise its time may be over.
		if got := namesFrom(t, address, 4); got != "BBBB" && time.Since(died) < out {
			t.Errorf("%s: served by %s while A is out", name, got)
		}
	}
	for name, address := range proxies {
		for over := time.Now().Add(patience); !strings.Contains(namesFrom(t, address, 2), "A"); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(over) {
				t.Fatalf("%s: A does not return", name)
			}
		}
		if got := namesFrom(t, address, 10); !half(got) {
			t.Errorf("%s: served by %s, want both again", name, got)
		}
	}
	if s := p.server(t, "s1"); s.Health != "up" {
		t.Errorf("A is %+v", s)
	}
}
