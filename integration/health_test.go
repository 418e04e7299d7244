// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// serverState is a part of a server's state at the admin endpoint.
type serverState struct {
	Health, Counter, Admin string
	Sessions               int
	SessionsTotal          int64 `json:"sessions_total"`
	LastCheck              struct {
		Code, Info, Warning string
	} `json:"last_check"`
}

func (s *serverState) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.Health, s.Counter, s.LastCheck.Code, s.LastCheck.Info))
}

// ask sends a request to the admin endpoint. It tries again while Caddy replaces the endpoint with
// a configuration.
func (p *process) ask(t testing.TB, method, path, body string) (status int, answer string) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, answer, err := p.askOnce(t, method, path, body)
		if err == nil {
			return status, answer
		}
		if time.Now().After(over) {
			t.Fatal(err)
		}
	}
}

func (p *process) askOnce(t testing.TB, method, path, body string) (status int, answer string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// server returns the state of a server of backend web.
func (p *process) server(t testing.TB, name string) (s serverState) {
	t.Helper()
	status, text := p.ask(t, http.MethodGet, "/passthrough/backends/web/servers/"+name, "")
	if err := json.Unmarshal([]byte(text), &s); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	return s
}

// becomes waits until a server's state satisfies a condition.
func (p *process) becomes(t testing.TB, name string, how func(*serverState) bool) serverState {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		s := p.server(t, name)
		if how(&s) {
			return s
		}
		if time.Now().After(over) {
			t.Fatalf("%s is %v\n%s", name, &s, p.log())
		}
	}
}

// runServer runs another program until the test ends or stop is called.
func runServer(t testing.TB, name string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(programs.Need(t, name), args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// startNginx runs nginx with TLS at an address: /readyz is 200, anything else 503.
func startNginx(t testing.TB, address, cert, key string) {
	t.Helper()
	runServer(t, "nginx", nginxArgs(t, address, cert, key)...)
}

func nginxArgs(t testing.TB, address, cert, key string) []string {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`
daemon off; pid %[1]s/pid; error_log %[1]s/error.log; master_process off;
events { }
http {
	access_log off;
	client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
	server {
		listen %[2]s ssl;
		ssl_certificate %[3]s; ssl_certificate_key %[4]s;
		location = /readyz { return 200 "all is well\n"; }
		location / { return 503 "busy\n"; }
	}
}`, dir, address, cert, key)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file}
}

// Each checker finds the actual state of real servers, and reports the cause of a failure.
func TestChecksOfRealServers(t *testing.T) {
	a := newAuthority(t)
	serve := func(host string, days int) (address string, stop func()) {
		cert, key := a.issue(t, host, days)
		address = freeAddress(t)
		return address, runServer(t, "openssl", "s_server", "-accept", address, "-cert", cert, "-key", key, "-www", "-quiet")
	}
	good, stop := serve("web.test", 90)
	expired, _ := serve("web.test", -2)
	soon, _ := serve("web.test", 10)
	wrong, _ := serve("mail.test", 90)
	web := freeAddress(t)
	cert, key := a.issue(t, "web.test", 90)
	startNginx(t, web, cert, key)

	tls := fmt.Sprintf("interval 200ms\n timeout 5s\n server_name web.test\n ca %s\n warn_before 30d\n fail_before 5d\n", a.ca())
	http := func(more string) string {
		return fmt.Sprintf("check http {\n interval 200ms\n timeout 5s\n host web.test\n %s\n tls {\n server_name web.test\n ca %s\n }\n }\n", more, a.ca())
	}
	servers := []struct{ name, address, check, want string }{
		{"good", good, "", "up 3/3 L6OK"},
		{"expired", expired, "", "down 0/2 L6RSP certificate expired"},
		{"soon", soon, "", "up 3/3 L6OK"},
		{"wrong", wrong, "", "down 0/2 L6RSP certificate is for mail.test, not for web.test"},
		{"nginx", web, "", "up 3/3 L6OK"},
		{"hello", good, "check ssl_hello {\n interval 200ms\n timeout 5s\n }\n", "up 3/3 L6OK"},
		{"hello_nginx", web, "check ssl_hello {\n interval 200ms\n timeout 5s\n }\n", "up 3/3 L6OK"},
		{"tcp", good, "check tcp {\n interval 200ms\n timeout 5s\n }\n", "up 3/3 L4OK"},
		{"ready", web, http("path /readyz\n body_contains well"), "up 3/3 L7OK 200"},
		{"busy", web, http("path /"), "down 0/2 L7STS"},
		{"otherbody", web, http("path /readyz\n body_contains unwell"), "down 0/2 L7STS"},
		{"nobody", freeAddress(t), "", "down 0/2 L4CON connection refused"},
	}
	config := "passthrough {\n backend web {\n check tls {\n" + tls + "}\n"
	for _, s := range servers {
		config += fmt.Sprintf("server %s %s {\n %s }\n", s.name, s.address, s.check)
	}
	p := start(t, config+"}\n}", "")
	for _, s := range servers {
		p.becomes(t, s.name, func(got *serverState) bool { return strings.HasPrefix(got.String(), s.want) })
	}
	if s := p.server(t, "soon"); !strings.Contains(s.LastCheck.Warning, "expires on") {
		t.Errorf("certificate about to expire: warning %q", s.LastCheck.Warning)
	}
	if s := p.server(t, "good"); s.LastCheck.Warning != "" {
		t.Errorf("valid certificate: warning %q", s.LastCheck.Warning)
	}
	stop()
	p.becomes(t, "good", func(s *serverState) bool { return strings.HasPrefix(s.String(), "down 0/2 L4CON") })
	renewed, key := a.issue(t, "web.test", 90)
	runServer(t, "openssl", "s_server", "-accept", good, "-cert", renewed, "-key", key, "-www", "-quiet")
	p.becomes(t, "good", func(s *serverState) bool { return s.String() == "up 3/3 L6OK" })
}

// Health survives reloads, refused ones included: a server that was down stays down, and counts
// continue.
func TestHealthOverReloads(t *testing.T) {
	t.Parallel()
	const rise = 4
	var well atomic.Bool
	var good atomic.Int64
	checks := listen(t, func(c *net.TCPConn) {
		if well.Load() && good.Add(1) <= rise { // only that many times
			fmt.Fprint(c, "fine")
		}
	})
	config := func(more string) string {
		return fmt.Sprintf("passthrough {\n backend web {\n server s1 %s\n check tcp_script {\n interval 700ms\n timeout 5s\n rise 4\n fall 99\n expect string fine\n }\n%s}\n}", checks, more)
	}
	p := start(t, config(""), "")
	p.becomes(t, "s1", func(s *serverState) bool { return s.Health == "down" })
	well.Store(true)
	for passed, more := range []string{"", "retries 1\n", "retires 1\n", "retries 2\n"} {
		if passed > 0 {
			before := p.becomes(t, "s1", func(s *serverState) bool { return s.Health == "up" || s.Counter >= fmt.Sprintf("%d/4", passed) })
			err := p.reload(t, config(more), "")
			if refused := strings.HasPrefix(more, "retires"); refused != (err != nil) {
				t.Fatalf("reload: %v", err)
			}
			if after := p.server(t, "s1"); after.Health == "down" && after.Counter < before.Counter {
				t.Errorf("server was %v before the reload, %v after", &before, &after)
			}
		}
	}
	p.becomes(t, "s1", func(s *serverState) bool { return s.Health == "up" })
	if downs := strings.Count(p.log(), `"msg":"server is down"`); downs != 1 {
		t.Errorf("server went down %d times", downs)
	}
}

// Changes through the admin endpoint apply to the next connection, and survive a reload of the same
// configuration.
func TestAdminChangesSurviveReload(t *testing.T) {
	address := freeAddress(t)
	var servers string
	for _, name := range []string{"s1", "s2"} {
		servers += fmt.Sprintf("server %s %s\n", name, listen(t, func(c *net.TCPConn) {
			fmt.Fprint(c, name)
			_, _ = io.Copy(io.Discard, c)
		}))
	}
	config := func(more string) string {
		return fmt.Sprintf("passthrough {\n backend web {\n%s%s}\n}\nlayer4 {\n durable/%s {\n route {\n passthrough {\n default_backend web\n }\n }\n }\n}", servers, more, address)
	}
	p := start(t, config(""), "")
	expect := func(what, want string) {
		t.Helper()
		got := ""
		for range 2 {
			got += read(t, say(t, address, ""), make([]byte, 2))
		}
		if got != want && got != want[2:]+want[:2] {
			t.Errorf("%s: served by %s, want %s", what, got, want)
		}
	}
	patch := func(server, body string, want int) {
		t.Helper()
		if status, text := p.ask(t, http.MethodPatch, "/passthrough/backends/web/servers/"+server, body); status != want {
			t.Errorf("%s %s: %d %s, want %d", server, body, status, text, want)
		}
	}
	expect("at first", "s1s2")
	patch("s1", `{"admin": "drain"}`, http.StatusOK)
	expect("s1 drains", "s2s2")
	if err := p.reload(t, config("retries 1\n"), ""); err != nil {
		t.Fatal(err)
	}
	expect("s1 drains still", "s2s2")
	patch("s2", `{"weight": "50%"}`, http.StatusOK) // 50% of weight 1: no effect
	if s := p.server(t, "s2"); s.Admin != "ready" || s.Health != "up" {
		t.Errorf("s2 is %+v", s)
	}
	patch("s1", `{"admin": "ready"}`, http.StatusOK)
	expect("s1 is ready", "s1s1")
	patch("s1", `{"health": "down"}`, http.StatusOK)
	patch("s2", `{"weight": 1}`, http.StatusOK)
	expect("s1 is down", "s2s2")
	patch("s1", `{"health": "ill"}`, http.StatusBadRequest)
	patch("s3", `{"health": "up"}`, http.StatusNotFound)
	if err := p.reload(t, config("retires 1\n"), ""); err == nil {
		t.Error("a wrong configuration was accepted")
	}
	patch("s1", `{"health": "up"}`, http.StatusOK) // a refused configuration keeps the endpoint
	expect("s1 is up", "s1s2")
	for _, msg := range []string{"server is draining", "server stopped draining", "server is down", "server is up"} {
		if !strings.Contains(p.log(), `"msg":"`+msg+`","backend":"web","server":"s1"`) {
			t.Errorf("no log line %q", msg)
		}
	}
}
