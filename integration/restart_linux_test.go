// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// After being killed with live sessions, the process serves again as soon as it is restarted.
func TestRestartAfterKill(t *testing.T) {
	p, address := startServers(t, "", listen(t, greetAndEcho))
	for range 20 {
		read(t, say(t, address, ""), make([]byte, 2))
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.done
	_ = p.cmd.Wait()
	p.over = true
	again := &process{dir: p.dir, admin: p.admin}
	again.run(t, "Caddyfile", 0)
	read(t, say(t, address, ""), make([]byte, 2))
}

// Loading valid and refused configurations two at a time loses no connection, and the last one
// loaded serves.
func TestConcurrentReloads(t *testing.T) {
	s := newStorm(t)
	p := start(t, s.config(0), "")
	good, err := os.ReadFile(filepath.Join(p.dir, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	// An address that this system does not have.
	bad := strings.Replace(string(good), "durable/"+s.address, "durable/192.0.2.1:1", 1)
	s.start(4)
	goroutines := p.goroutines(t)
	var wg sync.WaitGroup
	var done, refused atomic.Int64
	for loader := range 2 {
		wg.Go(func() {
			for i := range 8 {
				config, counts := fmt.Sprintf("%s# %d %d\n", good, loader, i), &done
				if (i+loader)%2 == 1 {
					config, counts = bad, &refused
				}
				if status := p.post(config, patience); (status == http.StatusOK) == (counts == &done) {
					counts.Add(1)
				} else {
					t.Errorf("loading a configuration: status %d:\n%s", status, config)
				}
			}
		})
	}
	wg.Wait()
	s.stop()
	failed, why := s.failures()
	t.Logf("%d loaded, %d refused, %d connections served, %d lost", done.Load(), refused.Load(), s.made.Load(), failed)
	if failed > 0 || s.made.Load() == 0 || done.Load() != 8 || refused.Load() != 8 {
		t.Errorf("lost: %s", why)
	}
	within(t, "goroutines", goroutines+4, func() int { return p.goroutines(t) })
}

// post loads a Caddyfile and returns the status; 0: the endpoint was not there within the time.
func (p *process) post(config string, within time.Duration) int {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for over := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		answer, err := client.Post("http://"+p.admin+"/load", "text/caddyfile", strings.NewReader(config))
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			return answer.StatusCode
		}
		if time.Now().After(over) { // Caddy is replacing its admin endpoint
			return 0
		}
	}
}

// SIGTERM during the load of a configuration ends the process in order, at whatever moment;
// sessions may finish.
func TestSIGTERMDuringReload(t *testing.T) {
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			e := startEnding(t, "grace_period 10s", "")
			config, err := os.ReadFile(filepath.Join(e.dir, "Caddyfile"))
			if err != nil {
				t.Fatal(err)
			}
			loaded := make(chan int)
			go func() { loaded <- e.post(string(config)+"# again\n", time.Second) }()
			time.Sleep(time.Duration(i) * 5 * time.Millisecond)
			e.signal(t, syscall.SIGTERM)
			e.refusesSoon(t)
			_, _ = e.held[0].Write([]byte("x"))
			read(t, e.held[0], make([]byte, 1))
			for _, c := range append(e.held, e.early...) {
				c.Close()
			}
			t.Logf("status of the load: %d", <-loaded)
			e.ends(t, 0)
		})
	}
}

// A configuration loaded while the process drains admits no connection, and cuts none.
func TestReloadWhileDraining(t *testing.T) {
	e := startEnding(t, "grace_period 10s", "")
	config, err := os.ReadFile(filepath.Join(e.dir, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	e.signal(t, syscall.SIGTERM)
	e.refusesSoon(t)
	if status := e.post(string(config)+"# again\n", time.Second); status == http.StatusOK {
		t.Error("a configuration was loaded while draining")
	}
	e.refusesSoon(t)
	_, _ = e.held[0].Write([]byte("x"))
	read(t, e.held[0], make([]byte, 1))
	for _, c := range append(e.held, e.early...) {
		c.Close()
	}
	e.ends(t, 0)
}
