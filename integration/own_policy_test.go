// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// The policy in docs/own-policy.md compiles into Caddy, and serves.
func TestDocumentedPolicy(t *testing.T) {
	text, err := os.ReadFile("../docs/own-policy.md")
	if err != nil {
		t.Fatal(err)
	}
	source := regexp.MustCompile("(?ms)^```go\n(.*?)^```").FindSubmatch(text)
	if source == nil {
		t.Fatal("there is no Go code in docs/own-policy.md")
	}
	formatted, err := exec.Command("gofmt", "-d", write(t, "policy.go", source[1])).CombinedOutput()
	if err != nil || len(formatted) > 0 {
		t.Errorf("gofmt: %v\n%s", err, formatted)
	}
	root := moduleRoot(t)
	with := programs.Caddy{Flags: programs.Overlay(t, map[string]string{
		filepath.Join(root, "modules", "steadiest", "policy.go"): string(source[1]),
		filepath.Join(root, "cmd", "caddy", "steadiest.go"):      "package main\n\nimport _ \"github.com/caddy-passthrough/caddy-passthrough/modules/steadiest\"\n",
	})}
	t.Cleanup(with.Remove)
	config := write(t, "Caddyfile.json", []byte(`{"apps": {"layer4": {"servers": {"tls": {"listen": ["durable/127.0.0.1:8443"], "routes": [{"handle": [{
		"handler": "passthrough", "balance": {"policy": "steadiest", "forgive": 3}, "servers": [{"name": "s1", "address": "127.0.0.1:9443"}]}]}]}}}}}`))
	if out, err := exec.Command(with.Path(t), "validate", "--config", config).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("Valid configuration")) {
		t.Errorf("validate: %v\n%s", err, out)
	}
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
