// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// curl closes its connection once it has the answer, so that the server's own close provokes a
// reset. As in HAProxy, that is not an error.
func TestCurlResetAfterAnswerIsNoError(t *testing.T) {
	haproxy := programs.Need(t, "haproxy")
	p := startProxied(t, "use_backend web sni www.example.test")
	beside := freeAddress(t)
	judged := runHAProxyWithLog(t, haproxy, fmt.Sprintf(`
defaults
    mode tcp
    option tcplog
    log global
    timeout client 10s
    timeout server 10s
    timeout connect 5s
frontend tls
    bind %s
    default_backend web
backend web
    server s1 %s
`, beside, p.origins[0]))
	for try, tries := 1, 5; ; try++ { // chance decides which comes first
		p.forget()
		ours, its := curlEnds(t, p, beside, judged)
		t.Logf("requests by HTTP/2: %v, and %v in HAProxy", ours, its)
		if ours["CD"] <= its["CD"] && ours["--"] >= its["--"] {
			return
		}
		if try == tries {
			t.Fatalf("requests ended %v, and %v in HAProxy", ours, its)
		}
	}
}

// curlEnds makes requests with curl, and counts how they ended here and in the HAProxy beside.
func curlEnds(t *testing.T, p *proxied, beside string, judged <-chan string) (ours, its map[string]int) {
	t.Helper()
	const requests, atOnce = 30, 4
	for _, address := range []string{p.address, beside} {
		var wg sync.WaitGroup
		slots := make(chan struct{}, atOnce)
		for range requests {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if out, err := p.curl(t, address, "www.example.test", " %{http_version}"); err != nil || !strings.HasSuffix(out, " 2") {
					t.Errorf("at %s: %q, %v", address, out, err)
				}
			})
		}
		wg.Wait()
	}
	ours, its = map[string]int{}, map[string]int{}
	for _, l := range p.sessions(t, requests) {
		ours[l.Termination]++
	}
	for range requests {
		select {
		case line := <-judged:
			if fields := strings.Fields(line[strings.Index(line, "]: ")+3:]); len(fields) > 6 {
				its[fields[6]]++
			}
		case <-time.After(patience):
			t.Fatalf("HAProxy logged %v", its)
		}
	}
	return ours, its
}

// runHAProxyWithLog runs HAProxy and returns its log lines.
func runHAProxyWithLog(t *testing.T, path, config string) <-chan string {
	t.Helper()
	log, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(name, fmt.Appendf(nil, "global\n    log %s local0\n%s", log.LocalAddr(), config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-db", "-f", name)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	lines := make(chan string, 1000)
	go func() {
		for b := make([]byte, 8<<10); ; {
			n, _, err := log.ReadFrom(b)
			if err != nil {
				return
			}
			if line := string(b[:n]); strings.Contains(line, "tls web/") {
				lines <- line
			}
		}
	}()
	_, bound, _ := strings.Cut(config, "bind ")
	address, _, _ := strings.Cut(bound, "\n")
	for over := time.Now().Add(patience); time.Now().Before(over); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			<-lines // the line of that connection
			return lines
		}
	}
	t.Fatal("HAProxy does not listen")
	return nil
}
