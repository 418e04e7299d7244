// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

var discard = log.New(io.Discard, "", 0)

// TestRollingUpgrade runs the script of the documentation under load: the three servers of a
// backend are replaced, and no request fails.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	shell, curl := programs.Need(t, "sh"), programs.Need(t, "curl")
	r := newRig(t)
	r.run(t, r.caddyfile(""))
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		for _, s := range r.servers {
			if "/"+s.name == q.URL.Path {
				s.stop()
				if err := s.start(); err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
				}
				return
			}
		}
		http.NotFound(w, q)
	}))
	defer hooks.Close()

	stop := make(chan struct{})
	var load sync.WaitGroup
	var requests atomic.Int64
	for i := range 8 {
		path := []string{"/", "/slow"}[i%2]
		load.Go(func() {
			client := r.client()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := fetch(client, path); err != nil {
					t.Errorf("a request failed: %v", err)
				}
				requests.Add(1)
			}
		})
	}
	until(t, "load", func() bool { return requests.Load() > 100 })
	script, err := filepath.Abs("../../docs/rolling-upgrade.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell, script, "web", shell, "-c", curl+` --silent --fail "$0/$1"`, hooks.URL)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program.Path(t))+":"+os.Getenv("PATH"), "CADDY_FLAGS=--address "+r.admin)
	out, err := cmd.CombinedOutput()
	after := requests.Load()
	until(t, "load afterwards", func() bool { return requests.Load() > after+100 })
	close(stop)
	load.Wait()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%d requests\n%s", requests.Load(), out)
	seen := make(map[string]bool)
	for range 100 {
		text, err := fetch(r.client(), "/")
		if err != nil {
			t.Fatal(err)
		}
		seen[text] = true
	}
	for _, s := range r.servers {
		if !seen[s.name+" version 2"] || len(seen) != 3 {
			t.Errorf("the servers answer %v", seen)
		}
	}
	if !strings.Contains(string(out), "web/s3") {
		t.Errorf("the script prints %s", out)
	}
}
