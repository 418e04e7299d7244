// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// The example serves as it stands, and the README's command gets what the
// README promises.
func TestExample(t *testing.T) {
	for _, address := range []string{"127.0.0.1:8443", "127.0.0.1:9441", "127.0.0.1:9442", "127.0.0.1:2019"} {
		mustBeFree(t, address)
	}
	text, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile.example"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "Caddyfile.example", 1)
	command := readmeCommand(t, "curl ")
	programs.Need(t, "curl")
	for _, server := range []string{"s1", "s2", "s1"} {
		want := "www.example.test, answered by " + server + "\n200\n"
		out, err := run(t, "sh", "-c", "cd "+p.dir+" && "+command)
		if err != nil || out != want {
			t.Errorf("%s\nprinted %q (%v), want %q", command, out, err, want)
		}
	}
}

// readmeCommand is the only line of the README that begins with prefix.
func readmeCommand(t *testing.T, prefix string) (command string) {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		if command != "" {
			t.Fatalf("the README has more than one line that begins with %q", prefix)
		}
		command = strings.TrimSpace(line)
	}
	if command == "" {
		t.Fatalf("the README has no line that begins with %q", prefix)
	}
	return command
}

func mustBeFree(t *testing.T, address string) {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the example needs %s: %v", address, err)
	}
	ln.Close()
}
