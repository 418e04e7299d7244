// SPDX-License-Identifier: Apache-2.0

// Package operator tests what operators use at run time, in a running program: the admin endpoint
// against docs/openapi.yaml, the command caddy passthrough, and the scripts of the documentation.
package operator

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

var program programs.Caddy

// patience is the longest time to wait for anything.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	program.Remove()
	os.Exit(code)
}

// rig is a running program, with three servers behind it.
type rig struct {
	dir, admin, front string
	servers           []*server
}

// server is an HTTPS server that answers with its name and version.
type server struct {
	name, address string

	mu      sync.Mutex
	version int
	running *httptest.Server
}

// start makes the server listen at its address.
func (s *server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ln, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.version++
	text := fmt.Sprintf("%s version %d", s.name, s.version)
	s.running = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" { // half an answer, and the rest later
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(300 * time.Millisecond)
		}
		_, _ = io.WriteString(w, text)
	}))
	_ = s.running.Listener.Close()
	s.running.Listener = ln
	s.running.Config.ErrorLog = discard
	s.running.StartTLS()
	return nil
}

// stop closes the server with all its connections.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		s.running.CloseClientConnections()
		s.running.Close()
		s.running = nil
	}
}

// newRig starts the servers, without the program.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir(), admin: programs.Address(t), front: programs.Address(t)}
	for i := range 3 {
		s := &server{name: fmt.Sprintf("s%d", i+1), address: programs.Address(t)}
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.stop)
		r.servers = append(r.servers, s)
	}
	return r
}

// caddyfile returns the configuration, with more lines for the app.
func (r *rig) caddyfile(more string) string {
	return fmt.Sprintf(`{
	admin %s
	storage file_system %s
	persist_config off
	passthrough {
		frontend tls {
			bind %s
			use_backend mail sni *.mail.test
			default_backend web
		}
		backend web {
			server s1 %s
			server s2 %s
			server s3 %s
			check tcp {
				interval 100ms
			}
		}
		backend mail {
			server m1 %s weight 4
		}
%s	}
}
`, r.admin, filepath.Join(r.dir, "state"), r.front, r.servers[0].address, r.servers[1].address, r.servers[2].address, r.servers[0].address, more)
}

// run starts the program, and waits until it serves.
func (r *rig) run(t testing.TB, caddyfile string) {
	t.Helper()
	file := filepath.Join(r.dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(r.dir, "caddy.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program.Path(t), "run", "--config", file)
	cmd.Dir, cmd.Stderr = r.dir, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if text, _ := os.ReadFile(log.Name()); t.Failed() || strings.Contains(string(text), "panic") {
			t.Logf("the log:\n%s", text)
		}
	})
	until(t, "the program serves", func() bool {
		answer, err := http.Get("http://" + r.admin + "/passthrough/frontends/tls")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// until waits for a condition.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for over := time.Now().Add(patience); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// client returns a client of the frontend, with a connection for each request.
func (r *rig) client() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", r.front)
		},
	}}
}

// fetch requests a path by way of the frontend.
func fetch(c *http.Client, path string) (string, error) {
	answer, err := c.Get("https://www.example.test" + path)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}
