// SPDX-License-Identifier: Apache-2.0

// Package programs runs real programs for tests: ours, built once per test run, and others if the
// machine has them. It also hands out addresses that nothing else takes, and checks for leaked
// goroutines. Only tests import it.
package programs

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
)

// init makes programs with the race detector end when they exit: by default they sleep for a second
// before, which is most of the life of a short one.
func init() {
	if _, set := os.LookupEnv("GORACE"); !set {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
}

// AtOnce sets how many tests of this process run beside each other, of those that may, unless the
// command line says otherwise. By default that is one for each CPU; tests that mostly wait need
// less. TestMain calls it.
func AtOnce(tests int) {
	if err := flag.Set("test.parallel", strconv.Itoa(tests)); err != nil {
		panic(err)
	}
}

// Caddy is a Caddy, built when its path is first requested. It is safe for concurrent use.
type Caddy struct {
	// Package is the package of the command, below the project's root. Default: cmd/caddy.
	Package string

	// Flags are flags of go build, such as -race.
	Flags []string

	once sync.Once
	dir  string
	err  error
}

// Path returns the path of the built program.
func (c *Caddy) Path(t testing.TB) string {
	t.Helper()
	c.once.Do(func() {
		if c.dir, c.err = os.MkdirTemp("", "caddy-passthrough-"); c.err == nil {
			c.err = c.build()
		}
	})
	if c.err != nil {
		t.Fatal(c.err)
	}
	return filepath.Join(c.dir, "caddy")
}

func (c *Caddy) build() error {
	args := append([]string{"build", "-o", filepath.Join(c.dir, "caddy")}, c.Flags...)
	name := cmp.Or(c.Package, "cmd/caddy")
	build := exec.Command("go", append(args, //nolint:gosec // the tests' own arguments
		"github.com/caddy-passthrough/caddy-passthrough/"+name)...)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return nil
}

// Remove deletes the built program, if there is one.
func (c *Caddy) Remove() { _ = os.RemoveAll(c.dir) }

// Need returns the path of a program. It skips the test if the machine lacks it, and fails it in
// CI, where the machine must have it.
func Need(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing", name)
	}
	t.Skipf("%s is missing", name)
	return ""
}

var inVersion = regexp.MustCompile(`version (\d+\.\d+)`)

// Branch returns the version of a HAProxy, such as "2.6".
func Branch(haproxy string) (string, error) {
	out, err := exec.Command(haproxy, "-v").Output()
	if err != nil {
		return "", fmt.Errorf("running haproxy -v: %w", err)
	}
	found := inVersion.FindSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("no version in %q", out)
	}
	return string(found[1]), nil
}
