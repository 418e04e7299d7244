// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fenced = regexp.MustCompile("(?ms)^```(caddyfile|json|haproxy)\n(.*?)^```")

// Caddy accepts every configuration in the documentation, formatted as Caddy formats it.
func TestDocumentedConfigurations(t *testing.T) {
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range append(files, "../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range fenced.FindAllSubmatch(text, -1) {
			found++
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(file), i+1), func(t *testing.T) {
				t.Parallel()
				checkConfiguration(t, string(block[1]), block[2])
			})
		}
	}
	if found < 5 {
		t.Errorf("only %d configurations were found", found)
	}
}

func checkConfiguration(t *testing.T, form string, text []byte) {
	name := filepath.Join(t.TempDir(), map[string]string{"caddyfile": "Caddyfile", "json": "Caddyfile.json", "haproxy": "haproxy.cfg"}[form])
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if form == "haproxy" {
		printed(t, "validate", "--config", name, "--adapter", "haproxy")
		return
	}
	if form == "caddyfile" {
		other := filepath.Join(filepath.Dir(name), "validated.caddyfile")
		// There is no journal on some machines.
		validated := bytes.ReplaceAll(text, []byte("output journal\n"), []byte("output stderr\n"))
		if err := os.WriteFile(other, validated, 0o600); err != nil {
			t.Fatal(err)
		}
		printed(t, "validate", "--config", other, "--adapter", "caddyfile")
		if formatted := printed(t, "fmt", name); formatted != string(text) {
			t.Errorf("caddy fmt would write it as\n%s", formatted)
		}
		return
	}
	printed(t, "validate", "--config", name)
}

// printed returns the standard output of a command of the program, which must succeed.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	cmd := command(t, t.TempDir(), args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("caddy %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}
