// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// enterNamespace moves the test, and the processes that it starts, to a new network namespace, with
// or without IPv6. The thread ends with the test.
func enterNamespace(t *testing.T, name string, ipv6 bool) {
	t.Helper()
	name = fmt.Sprintf("%s%d", name, os.Getpid())
	if err := ip(t, "netns", "add", name); err != nil {
		t.Skip("no privilege to create network namespaces: ", err)
	}
	t.Cleanup(func() { _ = ip(t, "netns", "del", name) })
	file, err := os.Open(filepath.Join("/var/run/netns", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	runtime.LockOSThread()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	if !ipv6 {
		for _, which := range []string{"all", "default", "lo"} {
			if out, err := exec.Command("sysctl", "-w", "net.ipv6.conf."+which+".disable_ipv6=1").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	if err := ip(t, "link", "set", "lo", "up"); err != nil {
		t.Fatal(err)
	}
}

// asked connects to an address and returns the one byte that the server of a frontend sends, or
// "refused".
func asked(address string) string {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "refused"
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	b := make([]byte, 1)
	if _, err := io.ReadFull(c, b); err != nil {
		return err.Error()
	}
	return string(b)
}

// Overlapping binds lead to the same frontends as in HAProxy, with and without IPv6, at the start
// and from each configuration to the next.
func TestOverlappingBinds(t *testing.T) {
	haproxy := programs.Need(t, "haproxy")
	program.Path(t) // built outside of the namespace
	const port = 15443
	configs := [][2]string{ // the binds of two frontends
		{"*:P", "127.0.0.2:P"},
		{":::P v4v6", "127.0.0.2:P"},
		{"*:P", ":::P v4v6"},
		{"127.0.0.1:P", "127.0.0.2:P"},
		{":::P v6only", "*:P"},
		{"127.0.0.2:P", "0.0.0.0:P"},
		{"127.0.0.2:P,127.0.0.1:P", ":::P v4v6"},
	}
	for name, ipv6 := range map[string]bool{"with IPv6": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			enterNamespace(t, map[bool]string{true: "bindsa", false: "bindsb"}[ipv6], ipv6)
			write := func(dir string, binds [2]string) {
				text := "defaults\n mode tcp\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
				for i, name := range []string{"a", "b"} {
					text += fmt.Sprintf("frontend %s\n bind %s\n default_backend %[1]s\nbackend %[1]s\n server s %[3]s\n", name, strings.ReplaceAll(binds[i], "P", fmt.Sprint(port)),
						listen(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, name) }))
				}
				if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			outcome := func() (seen string) {
				for _, host := range []string{"127.0.0.1", "127.0.0.2", "[::1]"} {
					seen += fmt.Sprintf(" %s:%s", host, asked(fmt.Sprintf("%s:%d", host, port)))
				}
				return seen
			}
			want := make(map[[2]string]string)
			for _, binds := range configs {
				dir := t.TempDir()
				write(dir, binds)
				want[binds] = byHAProxy(t, haproxy, dir, outcome)
			}
			p := &process{dir: t.TempDir(), admin: "127.0.0.1:2019", done: make(chan struct{}), more: make(chan struct{})}
			for i, binds := range append(configs, configs...) {
				write(p.dir, binds)
				if i == 0 {
					p.haproxyConfig(t)
				} else if err := p.loadHAProxyConfig(); err != nil {
					t.Fatalf("%q: %v", binds, err)
				}
				// A new address beside others listens a moment after the configuration runs.
				got := outcome()
				for over := time.Now().Add(patience); got != want[binds] && time.Now().Before(over); got = outcome() {
					time.Sleep(time.Millisecond)
				}
				if got != want[binds] {
					t.Errorf("%q: HAProxy%s, ours%s", binds, want[binds], got)
				}
			}
			t.Logf("%d reloads: %q", 2*len(configs)-1, want)
		})
	}
}

// loadHAProxyConfig loads the current haproxy.cfg, over a connection of this thread. It tries again
// while Caddy replaces its admin endpoint because of the previous configuration.
func (p *process) loadHAProxyConfig() error {
	config, err := os.ReadFile(filepath.Join(p.dir, "haproxy.cfg"))
	if err != nil {
		return err
	}
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, text, err := p.postHAProxyConfig(config)
		switch {
		case err == nil && status != http.StatusOK:
			return fmt.Errorf("%d: %s", status, text)
		case err == nil || time.Now().After(over):
			return err
		}
	}
}

func (p *process) postHAProxyConfig(config []byte) (status int, text []byte, err error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+p.admin+"/load", bytes.NewReader(config))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "text/haproxy")
	request.Close = true
	c, err := net.DialTimeout("tcp", p.admin, patience)
	if err != nil {
		return 0, nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := request.Write(c); err != nil {
		return 0, nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// byHAProxy returns the result of seen while HAProxy runs.
func byHAProxy(t *testing.T, haproxy, dir string, seen func() string) string {
	t.Helper()
	cmd := exec.Command(haproxy, "-db", "-f", "haproxy.cfg")
	cmd.Dir = dir
	var messages bytes.Buffer
	cmd.Stderr = &messages
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	out := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if out = seen(); strings.Contains(out, ":a") || strings.Contains(out, ":b") {
			return seen() // it serves only when all addresses are bound
		}
	}
	t.Fatalf("HAProxy does not serve: %s %s", out, &messages)
	return ""
}
