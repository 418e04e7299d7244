// SPDX-License-Identifier: Apache-2.0

// Package oracle compares our program with the real HAProxy. A scenario is one file: a haproxy.cfg,
// the servers behind it, and a script of what clients do. It runs in both programs at the same
// time, each with its own ports, and the result of each step, and of each connection in the log, is
// compared with the script's expectation and with the other program. scenarios/README.md describes
// the language of the script.
package oracle

import (
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// folder holds the scenarios.
const folder = "scenarios"

// The number of scenarios that run at the same time: mostly they wait. The race detector makes
// programs start slowly, and make test runs other tests beside them.
const (
	atOnce     = 12
	atOnceRace = 8
)

// slots are taken by running scenarios.
var slots chan struct{}

// built is our program.
var built = programs.Caddy{Flags: []string{"-race"}}

// generalWay are the flags of a build in which each connection has a goroutine, and none is served
// on the shards.
var generalWay = []string{"-tags=generalway"}

func TestMain(m *testing.M) {
	flag.Parse()
	if form != "" { // the race detector runs with the form that the adapter writes
		built.Flags = nil
	}
	if os.Getenv("WAY") == "general" {
		built.Flags = generalWay
	}
	if alone {
		built.Flags = slices.DeleteFunc(built.Flags, func(f string) bool { return f == "-race" })
	}
	if slots = make(chan struct{}, atOnce); alone {
		slots = make(chan struct{}, 1)
	} else if slices.Contains(built.Flags, "-race") {
		slots = make(chan struct{}, atOnceRace)
	}
	// Tests that wait for others must not block those.
	if err := flag.Set("test.parallel", "10000"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	code := m.Run()
	built.Remove()
	os.Exit(code)
}

// hasIPv6 reports whether this machine can connect to itself over IPv6.
func hasIPv6() bool {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		ln.Close()
	}
	return err == nil
}

// A failed scenario runs up to again more times, alone, when the others are done: the machine may
// have been busy. If more than times were wrong in ours, only a few scenarios may run again.
const (
	again  = 6
	excuse = 18
)

func TestScenarios(t *testing.T) {
	judge, ours := findHAProxy(t), findOurs(t)
	ours.branch = judge.version.String()
	var (
		excused atomic.Int64
		first   sync.WaitGroup // runs of scenarios
		alone   sync.Mutex
	)
	for _, name := range scenarioNames(t, folder) {
		t.Run(name, func(t *testing.T) {
			first.Add(1) // before any of them runs
			t.Parallel()
			leave := sync.OnceFunc(func() { <-slots; first.Done() })
			slots <- struct{}{}
			defer leave()
			s := readScenario(t, folder, name)
			if strings.Contains(s.config, "[::") && !hasIPv6() {
				t.Skip("no IPv6 on this machine")
			}
			if judge.version.before(s.since) {
				t.Skipf("%v lacks keywords of %v", judge, s.since)
			}
			if s.before != (version{}) && !judge.version.before(s.before) {
				t.Skipf("only for versions before %v", s.before)
			}
			if len(s.refused) > 0 {
				s.isRefused(t, judge, ours)
				return
			}
			r := compare(s, judge, ours)
			leave()
			for range again {
				if r.ok() || !r.onlyTimes() && excused.Add(1) > excuse {
					break
				}
				first.Wait()
				t.Logf("running again:\n%v", r)
				alone.Lock()
				r = compare(s, judge, ours)
				alone.Unlock()
			}
			if r.ok() {
				t.Log(r)
			} else {
				t.Error(r)
			}
		})
	}
}
