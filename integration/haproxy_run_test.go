// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// runHAProxyConfig runs our program with a haproxy.cfg and the files that it names until the test
// ends. The directory's name is short enough for Unix sockets in it.
func runHAProxyConfig(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "haproxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &process{dir: dir, admin: freeAddress(t), done: make(chan struct{}), more: make(chan struct{})}
	p.haproxyConfig(t)
	return dir
}

// startHAProxy runs the real HAProxy with a file until the test ends.
func startHAProxy(t *testing.T, program, file string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "-db", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// haproxyConfig starts the process with the haproxy.cfg in its directory.
func (p *process) haproxyConfig(t *testing.T) {
	t.Helper()
	p.cmd = command(t, p.dir, "run", "--config", "haproxy.cfg", "--adapter", "haproxy")
	p.cmd.Env = append(p.cmd.Env, "CADDY_ADMIN="+p.admin)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() { p.stop(t) })
	p.await(t, "serving initial configuration", func(lines []logLine) bool {
		return slices.ContainsFunc(lines, func(l logLine) bool { return l.Msg == "serving initial configuration" })
	})
}

// A new user's first steps: the configuration of every tutorial, two web servers, and curl.
func TestTutorialConfigurationServes(t *testing.T) {
	web1, web2, address := freeAddress(t), freeAddress(t), freeAddress(t)
	servers := start(t, "", site("web1", web1)+site("web2", web2))
	runHAProxyConfig(t, map[string]string{"haproxy.cfg": fmt.Sprintf(`global
    log stdout format raw local0
    maxconn 4096

defaults
    log     global
    option  dontlognull
    retries 3
    option  redispatch
    timeout connect 5s
    timeout client  50s
    timeout server  50s

frontend https_frontend
    bind *:%s
    mode tcp
    option tcplog
    tcp-request inspect-delay 5s
    tcp-request content accept if { req_ssl_hello_type 1 }
    default_backend https_backend

backend https_backend
    mode tcp
    balance roundrobin
    server web1 %s check
    server web2 %s check
`, portOf(t, address), web1, web2)})
	for i, want := range []string{"web1", "web2", "web1", "web2"} {
		out, err := servers.curl(t, address, "www.example.test", " %{http_code}")
		if want += " www.example.test 200"; err != nil || out != want {
			t.Errorf("request %d: %q (%v), want %q", i+1, out, err, want)
		}
	}
}

// A router with maps and a port 80 beside it, as curl sees them: over TCP, over a Unix socket, and
// with HTTP requests that continue to the backend.
func TestHAProxyConfigRuns(t *testing.T) {
	named, suffix, rest, tls, web := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	servers := start(t, "", site("named", named)+site("suffix", suffix)+site("rest", rest))
	acme := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "challenge %s%s", r.Host, r.URL)
	}))
	t.Cleanup(acme.Close)
	dir := runHAProxyConfig(t, map[string]string{
		"names.map":    "# the names\nwww.example.test named\nmissing.example.test nowhere\n",
		"suffixes.map": ".example.test suffix\n",
		"haproxy.cfg": fmt.Sprintf(`defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend tls
    bind %s
    bind unix@tls.sock mode 600
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend %%[req.ssl_sni,lower,map(names.map)] if { req.ssl_sni,lower,map(names.map) -m found }
    use_backend %%[req.ssl_sni,lower,map_end(suffixes.map,rest)]
    default_backend rest
frontend http
    mode http
    bind %s
    acl acme path_beg /.well-known/acme-challenge/
    http-request redirect scheme https code 301 unless acme
    use_backend acme if acme
backend acme
    mode http
    server certbot %s
backend named
    server s1 %s
backend suffix
    server s1 %s
backend rest
    server s1 %s
`, tls, web, acme.Listener.Addr(), named, suffix, rest),
	})
	for _, c := range []struct{ host, backend string }{
		{"www.example.test", "named"},
		{"api.example.test", "suffix"},
		{"other.test", "rest"},
		{"missing.example.test", "rest"}, // no such backend
	} {
		want := c.backend + " " + c.host + " 200"
		for _, options := range [][]string{nil, {"--unix-socket", filepath.Join(dir, "tls.sock")}} {
			if out, err := servers.curl(t, tls, c.host, " %{http_code}", options...); err != nil || out != want {
				t.Errorf("%s %v: %q (%v), want %q", c.host, options, out, err, want)
			}
		}
	}
	const path = "/.well-known/acme-challenge/x-y_z"
	if out, err := run(t, "curl", "--silent", "--max-time", "10", "--header", "Host: www.example.test", "http://"+web+path); err != nil || out != "challenge www.example.test"+path {
		t.Errorf("%q (%v)", out, err)
	}
}
