// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Requests to a frontend of mode tcp with a backend of mode http are answered while configurations
// are loaded one after the other, and each connection has a line in the log.
func TestUpgradeOverReloads(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL) }))
	t.Cleanup(web.Close)
	address := freeAddress(t)
	p := &process{dir: t.TempDir(), admin: freeAddress(t), done: make(chan struct{}), more: make(chan struct{})}
	text := fmt.Sprintf("defaults\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\nfrontend f\n    bind %s\n    tcp-request inspect-delay 5s\n    tcp-request content accept if HTTP\n    default_backend web\nbackend web\n    mode http\n    server s1 %s\n", address, web.Listener.Addr())
	if err := os.WriteFile(filepath.Join(p.dir, "haproxy.cfg"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.haproxyConfig(t)
	var sent atomic.Int64
	var wg sync.WaitGroup
	over := make(chan struct{})
	for range 4 {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
		wg.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				want := fmt.Sprintf("/%d", sent.Add(1))
				response, err := client.Get("http://" + address + want)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil || string(body) != want {
					t.Errorf("got %q, %v, want %q", body, err, want)
					return
				}
			}
		})
	}
	for range 5 {
		if out, err := command(t, p.dir, "reload", "--force", "--config", "haproxy.cfg", "--adapter", "haproxy", "--address", p.admin).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		for before := sent.Load(); sent.Load() < before+20 && !t.Failed(); time.Sleep(time.Millisecond) {
			// the configuration serves
		}
	}
	close(over)
	wg.Wait()
	for _, l := range p.sessions(t, int(sent.Load())) {
		if l.Backend != "web" || l.Termination != "--" {
			t.Errorf("logged as %+v", l)
		}
	}
}
