// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// awaitLines returns the lines of a file once it has a number of them.
func awaitLines(t *testing.T, path string, n int) []string {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"); err == nil && strings.Count(string(text), "\n") >= n {
			return lines
		}
		if time.Now().After(over) {
			t.Fatalf("%s: %q, %v, want %d lines", path, text, err, n)
		}
	}
}

// TestLogFile writes HAProxy's lines to a file with one line of a Caddyfile, over a reload, and to
// another file after a second one.
func TestLogFile(t *testing.T) {
	t.Parallel()
	dir, origin := t.TempDir(), listen(t, greetAndEcho)
	app, layer4 := freeAddress(t), freeAddress(t)
	options := func(file string) string {
		return fmt.Sprintf(`passthrough {
	log %s
	frontend tls {
		bind %s
		default_backend web
	}
	backend web {
		server s1 %s
	}
}
layer4 {
	durable/%s {
		route {
			passthrough {
				name routed
				default_backend web
			}
		}
	}
}`, filepath.Join(dir, file), app, origin, layer4)
	}
	p := start(t, options("a.log"), "")
	shape := regexp.MustCompile(`^127\.\d+\.\d+\.\d+:\d+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] (tls|routed) web/s1 \d+/\d+/\d+ 2 (--|CD) 1/1/0/0/0 0/0$`)
	serves := func(file string, before int) {
		t.Helper()
		for i, address := range []string{app, layer4} {
			c := say(t, address, "")
			read(t, c, make([]byte, 2))
			_ = c.Close()
			lines := awaitLines(t, filepath.Join(dir, file), before+i+1)
			if m := shape.FindStringSubmatch(lines[before+i]); m == nil || m[1] != []string{"tls", "routed"}[i] {
				t.Errorf("%q", lines)
			}
		}
	}
	serves("a.log", 0)
	held := say(t, app, "")
	read(t, held, make([]byte, 2))
	if err := p.reload(t, options("a.log")+"\ndebug", ""); err != nil {
		t.Fatal(err)
	}
	_ = held.Close() // of the configuration before
	awaitLines(t, filepath.Join(dir, "a.log"), 3)
	serves("a.log", 3)
	if err := p.reload(t, options("b.log"), ""); err != nil {
		t.Fatal(err)
	}
	serves("b.log", 0)
	if strings.Contains(p.log(), `"msg":"session"`) {
		t.Errorf("lines of connections in Caddy's log:\n%s", p.log())
	}
	err := p.reload(t, options("a.log/below"), "")
	if err == nil || !strings.Contains(err.Error(), "log ") {
		t.Errorf("a file that cannot be opened: %v", err)
	}
}
