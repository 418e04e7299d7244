// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// within waits until a count is back to its previous value.
func within(t *testing.T, what string, before int, count func() int) {
	t.Helper()
	now := count()
	for over := time.Now().Add(patience); now > before && time.Now().Before(over); now = count() {
		time.Sleep(50 * time.Millisecond)
	}
	if now > before {
		t.Errorf("%s: %d before, %d after", what, before, now)
	}
}

// goroutines returns the number of goroutines of the process.
func (p *process) goroutines(t *testing.T) (n int) {
	t.Helper()
	_, profile := p.ask(t, http.MethodGet, "/debug/pprof/goroutine?debug=1", "")
	n, err := programs.Goroutines(profile)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// descriptors returns the number of descriptors of the process without its pipes, some of which it
// keeps for later sessions. Where there is no /proc, it skips the test.
func (p *process) descriptors(t *testing.T) (n int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("counts descriptors in /proc")
	}
	dir := fmt.Sprintf("/proc/%d/fd/", p.cmd.Process.Pid)
	open, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if to, err := os.Readlink(dir + fd.Name()); err == nil && !strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

// A footprint is the process's use of resources that clients take.
type footprint struct {
	goroutines, descriptors int
	heap, stacks            int // bytes in use, after a garbage collection
}

var memory = regexp.MustCompile(`(?m)^# (HeapAlloc|Stack) = (\d+)`)

func (p *process) footprint(t *testing.T) footprint {
	t.Helper()
	f := footprint{goroutines: p.goroutines(t), descriptors: p.descriptors(t)}
	status, text := p.ask(t, http.MethodGet, "/debug/pprof/heap?gc=1&debug=1", "")
	found := make(map[string]int)
	for _, line := range memory.FindAllStringSubmatch(text, -1) {
		found[line[1]], _ = strconv.Atoi(line[2])
	}
	f.heap, f.stacks = found["HeapAlloc"], found["Stack"]
	if f.heap == 0 || f.stacks == 0 {
		t.Fatalf("status %d, no memory figures in\n%s", status, text)
	}
	return f
}

// parking waits until the process waits for n more clients, and returns its footprint then.
func (p *process) parking(t *testing.T, before footprint, n int) footprint {
	t.Helper()
	for over := time.Now().Add(patience); time.Now().Before(over); time.Sleep(50 * time.Millisecond) {
		if p.descriptors(t)-before.descriptors >= n-n/100 {
			return p.footprint(t)
		}
	}
	t.Fatalf("the proxy did not accept %d clients in %v", n, patience)
	return footprint{}
}
