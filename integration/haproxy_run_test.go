// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// haproxyFolder is a working folder with a haproxy.cfg and the files that it
// names. It is short enough for Unix sockets in it.
func haproxyFolder(t *testing.T, files map[string]string) string {
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
	return dir
}

// runCaddy runs our program with the haproxy.cfg of a folder until the test is
// over.
func runCaddy(t *testing.T, dir, _ string) {
	t.Helper()
	p := &process{dir: dir, admin: freeAddress(t), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd = command(t, dir, "run", "--config", "haproxy.cfg", "--adapter", "haproxy")
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

// runHAProxy runs the real one, with the same file, to show that the test asks
// for what HAProxy does. ready is the last address that it listens on.
func runHAProxy(t *testing.T, dir, ready string) {
	t.Helper()
	var printed bytes.Buffer
	cmd := exec.Command(programs.Need(t, "haproxy"), "-db", "-f", "haproxy.cfg")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", ready); err == nil {
			c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("HAProxy ended:\n%s", &printed)
		default:
		}
		if time.Now().After(over) {
			t.Fatalf("HAProxy does not listen on %s", ready)
		}
	}
}

// underBoth runs a test on HAProxy and on our program, each with the
// configuration that configure gives, a section for the address "ready" below
// it, and ports of its own.
func underBoth(t *testing.T, files map[string]string, configure func(t *testing.T, dir string) string, test func(t *testing.T, dir string)) {
	for name, run := range map[string]func(t *testing.T, dir, ready string){"haproxy": runHAProxy, "caddy": runCaddy} {
		t.Run(name, func(t *testing.T) {
			dir, ready := haproxyFolder(t, files), freeAddress(t)
			config := configure(t, dir) + fmt.Sprintf("listen ready\n    bind %s\n    server none 127.0.0.1:9\n", ready)
			if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, dir, ready)
			test(t, dir)
		})
	}
}

// What a newcomer does first: the configuration of every tutorial, two web
// servers, and curl.
func TestNewcomer(t *testing.T) {
	web1, web2 := freeAddress(t), freeAddress(t)
	servers := start(t, "", site("web1", web1)+site("web2", web2))
	var address string
	underBoth(t, nil, func(t *testing.T, _ string) string {
		address = freeAddress(t)
		return fmt.Sprintf(`global
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
`, portOf(t, address), web1, web2)
	}, func(t *testing.T, _ string) {
		for i, want := range []string{"web1", "web2", "web1", "web2"} {
			out, err := servers.curl(t, address, "www.example.test", " %{http_code}")
			if want += " www.example.test 200"; err != nil || out != want {
				t.Errorf("request %d: %q (%v), want %q", i+1, out, err, want)
			}
		}
	})
}

// router is what TestHAProxyConfigRuns runs: the addresses of its frontends.
type router struct {
	tls, http string // addresses
	socket    string // a path
}

// inspectDelay is long enough to tell who waited for it.
const inspectDelay = 3 * time.Second

const routerConfig = `defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend tls
    bind %[1]s
    bind unix@%[2]s mode 600
    tcp-request inspect-delay 3s
    acl ssh req.payload(0,7) -m str SSH-2.0
    tcp-request content accept if { req.ssl_hello_type 1 }
    tcp-request content accept if ssh
    use_backend ssh if ssh
    use_backend silent if !{ req.len gt 0 }
    use_backend %%[req.ssl_sni,lower,map(names.map)] if { req.ssl_sni,lower,map(names.map) -m found }
    use_backend %%[req.ssl_sni,lower,map_end(suffixes.map,rest)]
    default_backend rest
frontend http
    mode http
    bind %[3]s
    acl acme path_beg /.well-known/acme-challenge/
    http-request redirect scheme https code 301 unless acme
    use_backend acme if acme
backend acme
    mode http
    server certbot %[4]s
backend named
    server s1 %[5]s
backend suffix
    server s1 %[6]s
backend rest
    server s1 %[7]s
backend ssh
    server s1 %[8]s
backend silent
    server s1 %[9]s
`

var routerFiles = map[string]string{
	"names.map":    "# the names\nwww.example.test named\nmissing.example.test nowhere\n",
	"suffixes.map": ".example.test suffix\n",
}

// A configuration of many parts does what it does in HAProxy.
func TestHAProxyConfigRuns(t *testing.T) {
	named, suffix, rest := freeAddress(t), freeAddress(t), freeAddress(t)
	servers := start(t, "", site("named", named)+site("suffix", suffix)+site("rest", rest))
	acme := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "challenge %s%s", r.Host, r.URL)
	}))
	t.Cleanup(acme.Close)
	ssh, silent := listen(t, answerSSH), listen(t, speakFirst("who are you\n"))
	var r router
	underBoth(t, routerFiles, func(t *testing.T, dir string) string {
		r = router{tls: freeAddress(t), http: freeAddress(t), socket: filepath.Join(dir, "tls.sock")}
		return fmt.Sprintf(routerConfig, r.tls, r.socket, r.http, acme.Listener.Addr(), named, suffix, rest, ssh, silent)
	}, func(t *testing.T, _ string) {
		t.Run("names", func(t *testing.T) { r.routesNames(t, servers) })
		t.Run("http", r.redirects)
		t.Run("others", r.routesOthers)
	})
}

func (r router) routesNames(t *testing.T, servers *process) {
	for _, c := range []struct{ host, backend string }{
		{"www.example.test", "named"},
		{"api.example.test", "suffix"},
		{"other.test", "rest"},
		{"missing.example.test", "rest"}, // its backend does not exist
	} {
		want := c.backend + " " + c.host + " 200"
		if out, err := servers.curl(t, r.tls, c.host, " %{http_code}"); err != nil || out != want {
			t.Errorf("%s: %q (%v), want %q", c.host, out, err, want)
		}
		if out, err := servers.curl(t, r.tls, c.host, " %{http_code}", "--unix-socket", r.socket); err != nil || out != want {
			t.Errorf("%s over the Unix socket: %q (%v), want %q", c.host, out, err, want)
		}
	}
}

// redirects asks the frontend in mode http.
func (r router) redirects(t *testing.T) {
	client := http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, c := range []struct {
		path, location, body string
		status               int
	}{
		{"/", "https://www.example.test/", "", http.StatusMovedPermanently},
		{"/shop/?a=b&c=%20d", "https://www.example.test/shop/?a=b&c=%20d", "", http.StatusMovedPermanently},
		{"/.well-known/acme-challenge", "https://www.example.test/.well-known/acme-challenge", "", http.StatusMovedPermanently},
		{"/.well-known/acme-challenge/x-y_z", "", "challenge www.example.test/.well-known/acme-challenge/x-y_z", http.StatusOK},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.http+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "www.example.test"
		answer, err := client.Do(request)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if location := answer.Header.Get("Location"); err != nil || answer.StatusCode != c.status || location != c.location || c.body != "" && string(body) != c.body {
			t.Errorf("%s: %s, Location %q, %q (%v); want %+v", c.path, answer.Status, location, body, err, c)
		}
	}
}

// routesOthers connects without TLS: a client whose first bytes are enough is
// served at once, one that says nothing when the delay is over.
func (r router) routesOthers(t *testing.T) {
	t.Run("ssh", func(t *testing.T) {
		t.Parallel()
		c, began := dial(t, r.tls), time.Now()
		if _, err := io.WriteString(c, "SSH-2.0-client\r\n"); err != nil {
			t.Fatal(err)
		}
		const want = "heard SSH-2.0-client"
		if got := read(t, c, make([]byte, len(want))); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if waited := time.Since(began); waited > inspectDelay-time.Second {
			t.Errorf("it took %v", waited)
		}
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		c, began := dial(t, r.tls), time.Now()
		const want = "who are you\n"
		if got := read(t, c, make([]byte, len(want))); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if waited := time.Since(began); waited < inspectDelay-time.Second/10 {
			t.Errorf("it took only %v", waited)
		}
	})
}

// One port can have a frontend for each family, with nothing in their way: what
// the server says first arrives at once.
func TestHAProxyConfigOfBothFamilies(t *testing.T) {
	if ln, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	} else {
		ln.Close()
	}
	four, six := listen(t, speakFirst("four")), listen(t, speakFirst("six!"))
	var port string
	underBoth(t, nil, func(t *testing.T, _ string) string {
		port = portOf(t, freeAddress(t))
		return strings.NewReplacer("PORT", port, "FOUR", four, "SIX", six).Replace(`defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen ipv4
    bind :PORT
    server s1 FOUR
listen ipv6
    bind [::]:PORT v6only
    server s1 SIX
`)
	}, func(t *testing.T, _ string) {
		for host, want := range map[string]string{"127.0.0.1": "four", "::1": "six!"} {
			if got := read(t, dial(t, net.JoinHostPort(host, port)), make([]byte, len(want))); got != want {
				t.Errorf("%s: %q, want %q", host, got, want)
			}
		}
	})
}

// speakFirst is a server that speaks first.
func speakFirst(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

// answerSSH repeats the first line of its client.
func answerSSH(c *net.TCPConn) {
	line := make([]byte, len("SSH-2.0-client\r\n"))
	if _, err := io.ReadFull(c, line); err != nil {
		return
	}
	fmt.Fprintf(c, "heard %s", line)
	_, _ = io.Copy(io.Discard, c)
}
