// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// A node that loads its configuration by HTTP follows its changes. It keeps the last good one if a
// new one is refused or the source fails.
func TestConfigFromHTTP(t *testing.T) {
	t.Parallel()
	n := &node{admin: programs.Address(t), front: programs.Address(t)}
	var sent atomic.Value
	var asked atomic.Int64
	var failing atomic.Bool
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if failing.Load() {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, sent.Load().(string))
	}))
	defer source.Close()
	admin := fmt.Sprintf(`"admin": {"listen": %q, "config": {"persist": false, "load": {"module": "http", "url": %q}, "load_delay": "200ms"}}`, n.admin, source.URL)
	with := func(backend, address string) {
		sent.Store(fmt.Sprintf(`{%s, "apps": {"passthrough": {"frontends": {"tls": {"bind": [{"address": %q}], "default_backend": %q}}, "backends": {%[3]q: {"servers": [{"name": "s1", "address": %[4]q}]}}}}}`,
			admin, n.front, backend, address))
	}
	file := filepath.Join(t.TempDir(), "caddy.json")
	if err := os.WriteFile(file, []byte("{"+admin+"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	with("first", "127.0.0.1:1")
	log, err := os.Create(file + ".log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program.Path(t), "run", "--config", file)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	runs := func(backend string) func() bool {
		return func() bool { return strings.Contains(n.config(), fmt.Sprintf("%q", backend)) }
	}
	until(t, "the first configuration", runs("first"))
	with("second", "127.0.0.1:1")
	until(t, "the second configuration", runs("second"))
	failing.Store(true)
	before := asked.Load()
	until(t, "the source fails", func() bool { return asked.Load() > before+2 })
	if !runs("second")() {
		t.Errorf("while the source fails: %s", n.config())
	}
	with("third", "127.0.0.1:1")
	failing.Store(false)
	until(t, "the third configuration", runs("third"))
	with("fourth", "nonsense")
	until(t, "the refusal", func() bool {
		text, _ := os.ReadFile(log.Name())
		return strings.Contains(string(text), "nonsense")
	})
	if !runs("third")() {
		t.Errorf("after a refused configuration: %s", n.config())
	}
}
