// SPDX-License-Identifier: Apache-2.0

//go:build xcaddy

// Package xcaddy builds Caddy with this module by xcaddy, the way a user does, and
// looks into the result. It takes minutes, so it has a build tag: `make xcaddy`.
package xcaddy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/caddy-passthrough/caddy-passthrough"

// want are the modules that a build must hold.
var want = []string{
	"layer4.handlers.passthrough",
	"layer4.matchers.client_hello",
	"passthrough",
	"passthrough.frontend",
	"passthrough.policies.roundrobin",
	"passthrough.checks.tls",
	"passthrough.checks.agent",
	"admin.api.passthrough",
}

func TestBuild(t *testing.T) {
	root := run(t, ".", "go", "list", "-m", "-f", "{{.Dir}}")
	caddyVersion := run(t, root, "go", "list", "-m", "-f", "{{.Version}}", "github.com/caddyserver/caddy/v2")

	xcaddy := filepath.Join(t.TempDir(), "xcaddy")
	run(t, root, "go", "build", "-C", filepath.Join(".ci", "tools"), "-o", xcaddy, "github.com/caddyserver/xcaddy/cmd/xcaddy")

	// The version only keeps xcaddy from asking for the newest published one: the
	// source is the checkout's.
	caddy := filepath.Join(root, "bin", "caddy-xcaddy")
	run(t, root, xcaddy, "build", caddyVersion, "--with", module+"@v0.0.0=.", "--output", caddy)
	t.Logf("built %s with Caddy %s", filepath.Join("bin", "caddy-xcaddy"), run(t, root, caddy, "version"))

	var found []string
	for line := range strings.Lines(run(t, root, caddy, "list-modules")) {
		found = append(found, strings.TrimSpace(line))
	}
	for _, id := range want {
		if slices.Contains(found, id) {
			t.Logf("found %s", id)
		} else {
			t.Errorf("the build lacks %s", id)
		}
	}
}

// run returns what a program prints; its errors and progress go to standard error.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running %s: %v\n%s", cmd, err, out)
	}
	return strings.TrimSpace(string(out))
}
