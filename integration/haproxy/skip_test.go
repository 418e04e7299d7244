// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// The Caddyfile written for the sections left out of a haproxy.cfg serves them, as curl sees.
func TestCaddyfileServesSkippedSections(t *testing.T) {
	curl, openssl := programs.Need(t, "curl"), programs.Need(t, "openssl")
	dir := t.TempDir()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "web %s %s", r.URL, r.Header.Get("X-Client"))
	}))
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "api") }))
	t.Cleanup(web.Close)
	t.Cleanup(api.Close)
	plain, secure, imaps, admin := programs.Address(t), programs.Address(t), programs.Address(t), programs.Address(t)
	certificate := command(t, dir, openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "site.pem", "-out", "cert.pem",
		"-days", "2", "-subj", "/CN=www.example.test", "-addext", "subjectAltName=DNS:www.example.test,DNS:mail.example.test")
	if certificate.code != 0 {
		t.Fatal(certificate.stderr)
	}
	key, err := os.ReadFile(filepath.Join(dir, "site.pem"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(dir, "site.pem")
	if err := os.WriteFile(bundle, append(cert, key...), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`defaults
    mode http
    option httplog
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend www
    bind %s
    bind %s ssl crt %s
    acl api path_beg /api/
    redirect scheme https code 301 if !{ ssl_fc }
    http-request set-header X-Client %%[src]
    http-request deny if { path_end .php }
    use_backend api if api || { hdr(X-API) -m found }
    default_backend web
backend web
    option httpchk GET /up
    http-check expect status 200
    server w1 %s check inter 100
backend api
    server a1 127.0.0.1:1 backup
    server a2 %s
frontend imaps
    mode tcp
    bind %s ssl crt %s
    default_backend imap
backend imap
    mode tcp
    server i1 %s
`, plain, secure, bundle, address(web), address(api), imaps, bundle, address(api))
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	draft := command(t, dir, program.Path(t), "haproxy-check", "--skip-http", "--caddyfile", "-f", "haproxy.cfg")
	if draft.stdout == "" || draft.code != 2 { // no listener is left
		t.Fatalf("ended with %d: %s%s", draft.code, draft.stdout, draft.stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(draft.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, dir, admin, secure)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"redirect": {[]string{"http://www.example.test:" + port(t, plain) + "/a?b"}, " 301 https://www.example.test:" + port(t, plain) + "/a?b"},
		"default":  {[]string{"https://www.example.test:" + port(t, secure) + "/a?b"}, "web /a?b 127.0.0.1 200 "},
		"path":     {[]string{"https://www.example.test:" + port(t, secure) + "/api/x"}, "api 200 "},
		"header":   {[]string{"-H", "X-API: 1", "https://www.example.test:" + port(t, secure) + "/x"}, "api 200 "},
		"deny":     {[]string{"https://www.example.test:" + port(t, secure) + "/x.php"}, " 403 "},
		"layer4":   {[]string{"https://mail.example.test:" + port(t, imaps) + "/"}, "api 200 "},
	} {
		args := append([]string{"--silent", "--show-error", "--max-time", "20", "--retry", "5", "--retry-all-errors", "--http1.1", "--cacert", "cert.pem", "--write-out", " %{http_code} %{redirect_url}"}, c.args...)
		for _, a := range []string{plain, secure, imaps} {
			args = append(args, "--resolve", "*:"+port(t, a)+":127.0.0.1")
		}
		if a := command(t, dir, curl, args...); a.stdout != c.want {
			t.Errorf("%s: %q %s, want %q", name, a.stdout, a.stderr, c.want)
		}
	}
}

// The adapter leaves sections out, too, if the environment says so.
func TestAdapterSkipsHTTPSections(t *testing.T) {
	dir := t.TempDir()
	const text = "defaults\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\nlisten www\n    mode http\n    bind 127.0.0.1:8080\n    http-request lua.x\nlisten tls\n    bind 127.0.0.1:8443\n    server s1 127.0.0.1:443\n"
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := command(t, dir, program.Path(t), "adapt", "--adapter", "haproxy", "--config", "haproxy.cfg"); a.code == 0 {
		t.Errorf("accepted: %s", a.stderr)
	}
	t.Setenv("HAPROXY_SKIP_HTTP", "1")
	a := command(t, dir, program.Path(t), "adapt", "--adapter", "haproxy", "--config", "haproxy.cfg")
	if a.code != 0 || strings.Contains(a.stdout, `"http"`) || !strings.Contains(a.stdout, `"address":"127.0.0.1:8443"`) {
		t.Fatalf("ended with %d: %s%s", a.code, a.stdout, a.stderr)
	}
	if warnings, _ := logged(t, a.stderr); !strings.Contains(warnings, "haproxy.cfg:5: listen 'www' is in mode http and left out; as lines of a Caddyfile, with one line that is NOT TRANSLATED:\n\t# listen www, line 5\n\thttp://:8080 {\n") {
		t.Errorf("warnings: %s", warnings)
	}
}

// serve runs the Caddyfile of a directory until the test ends, and waits until an address is
// listened on.
func serve(t *testing.T, dir, admin, listening string) {
	t.Helper()
	run(t, dir, admin, listening, "caddyfile", "Caddyfile")
}

// run runs a configuration, and waits until it listens.
func run(t *testing.T, dir, admin, listening, adapter, config string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program.Path(t), "run", "--adapter", adapter, "--config", config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "CADDY_ADMIN="+admin)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		if ended != nil {
			<-ended
		}
		if t.Failed() {
			t.Logf("%s", said.String())
		}
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			ended = nil
			t.Fatalf("caddy run ended: %v\n%s", err, said.String())
		default:
		}
		if conn, err := net.Dial("tcp", listening); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("nothing listens on %s", listening)
}

func address(s *httptest.Server) string { return s.Listener.Addr().String() }

func port(t *testing.T, address string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
