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

// The modules shown in the documentation compile into Caddy, and do what it says.
func TestDocumentedModules(t *testing.T) {
	root, files := moduleRoot(t), make(map[string]string)
	for doc, name := range map[string]string{"own-policy.md": "steadiest", "checks.md": "takenout", "discovery.md": "consul"} {
		text, err := os.ReadFile("../docs/" + doc)
		if err != nil {
			t.Fatal(err)
		}
		source := regexp.MustCompile("(?ms)^```go\n(.*?)^```").FindSubmatch(text)
		if source == nil {
			t.Fatalf("there is no Go code in docs/%s", doc)
		}
		formatted, err := exec.Command("gofmt", "-d", write(t, name+".go", source[1])).CombinedOutput()
		if err != nil || len(formatted) > 0 {
			t.Errorf("%s: gofmt: %v\n%s", doc, err, formatted)
		}
		files[filepath.Join(root, "modules", name, name+".go")] = string(source[1])
		files[filepath.Join(root, "cmd", "caddy", name+".go")] = "package main\n\nimport _ \"github.com/caddy-passthrough/caddy-passthrough/modules/" + name + "\"\n"
	}
	with := programs.Caddy{Flags: programs.Overlay(t, files)}
	t.Cleanup(with.Remove)
	config := write(t, "Caddyfile", []byte(`{
	passthrough {
		backend web {
			balance steadiest {
				forgive 3
			}
			server s1 127.0.0.1:9443
			server_template web 5 {
				discovery consul http://127.0.0.1:8500 web
			}
			check taken_out {
				interval 1s
				dir /tmp
			}
		}
	}
}`))
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
