// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// caddy haproxy-check takes the place of haproxy in command lines that check a configuration: it
// has the same exit code, and prints something if HAProxy does. It prints messages in HAProxy's
// form, and no line of Caddy's log.
func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "front.cfg", defaultsPart+frontendPart)
	write(t, dir, "web.cfg", backendPart)
	write(t, dir, "whole.cfg", defaultsPart+frontendPart+backendPart)
	write(t, dir, "wrong.cfg", defaultsPart+frontendPart+"backend web\n    server s1 192.0.2.11:443 wieght 4\n")
	write(t, dir, "silent.cfg", defaultsPart+backendPart)
	for line, code := range map[string]int{
		"-c -f whole.cfg":                0,
		"-f whole.cfg -c":                0,
		"-c -V -f whole.cfg":             0,
		"-c -q -f whole.cfg":             0,
		"-c -q -V -f whole.cfg":          0,
		"-c -f wrong.cfg":                1,
		"-c -q -f wrong.cfg":             1,
		"-c -q -V -f wrong.cfg":          1,
		"-c -f front.cfg":                1,
		"-c -f front.cfg -f web.cfg":     0,
		"-c -f front.cfg -- web.cfg":     0,
		"-c -- whole.cfg":                0,
		"-c -f nothing.cfg":              1,
		"-c -f silent.cfg":               2,
		"-C . -c -f whole.cfg":           0,
		"-C nowhere -c -f whole.cfg":     1,
		"-dr -c -f whole.cfg":            0,
		"-db -c -V -f whole.cfg":         0,
		"-D -c -f whole.cfg":             0,
		"-W -c -f whole.cfg":             0,
		"-Ws -c -f whole.cfg":            0,
		"-c -L here -n 100 -f whole.cfg": 0,
		"-c -p lb.pid -f whole.cfg":      0,
		"-c":                             1,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(line)
			t.Run("haproxy", func(t *testing.T) {
				if a := command(t, dir, programs.Need(t, "haproxy"), args...); a.code != code {
					t.Errorf("ended with %d:\n%s", a.code, a.stderr)
				}
			})
			t.Run("caddy", func(t *testing.T) {
				a := command(t, dir, program.Path(t), append([]string{"haproxy-check"}, args...)...)
				said := a.stdout + a.stderr
				if a.code != code || (said != "") != saysSomething(line, code) || (a.stdout == "Configuration file is valid\n") != (code == 0 && strings.Contains(line, "-V")) {
					t.Errorf("ended with %d:\n%s", a.code, said)
				}
				for message := range strings.Lines(a.stderr) {
					if !strings.HasPrefix(message, "[ALERT]   ") && !strings.HasPrefix(message, "[WARNING] ") {
						t.Errorf("not a message: %s", message)
					}
				}
			})
		})
	}
}

// saysSomething reports whether haproxy prints something: with -q nothing, unless -V is given, too,
// and without -q the errors.
func saysSomething(line string, code int) bool {
	verbose, quiet := strings.Contains(line, "-V"), strings.Contains(line, "-q")
	return verbose || code != 0 && !quiet
}
