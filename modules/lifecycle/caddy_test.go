// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// Each configuration of Caddy has a FileSystems of its own, and ActiveContext returns the
// context of the configuration that runs. docs/design.md lists what else is relied on.
func TestFileSystemsIdentifyConfiguration(t *testing.T) {
	load := func() Config {
		t.Helper()
		if err := caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "ERROR"}}}, "apps": {"lifecycle_watcher": {}}}`), true); err != nil {
			t.Fatal(err)
		}
		return latest.Load().own
	}
	first := load()
	second := load()
	if first.files == nil || first == second {
		t.Error("Caddy has changed: two configurations share one FileSystems, or have none; running.go:ConfigOf needs another identity")
	}
	active := caddy.ActiveContext()
	if active.FileSystems() != second.files {
		t.Error("Caddy has changed: ActiveContext is not the context of the last configuration loaded; running.go:Running relies on it")
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	active = caddy.ActiveContext()
	if active.FileSystems() == second.files {
		t.Error("Caddy has changed: ActiveContext returns a configuration that has been stopped; running.go:Running relies on it")
	}
}
