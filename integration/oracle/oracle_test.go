// SPDX-License-Identifier: Apache-2.0

// Package oracle holds our program against the real HAProxy. A scenario is one
// file: a haproxy.cfg, the servers behind it, and a script of what clients do.
// It is run in both programs at the same time, each with ports of its own, and
// what came of each step, and of each connection in the log, is compared with
// what the script expects and with the other program. scenarios/README.md is
// the language of the script.
package oracle

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// folder holds the scenarios.
const folder = "scenarios"

// atOnce is how many scenarios run at the same time: they wait most of theirs.
const atOnce = 8

// slots are taken by those that do.
var slots = make(chan struct{}, atOnce)

// built is our program.
var built = programs.Caddy{Flags: []string{"-race"}}

// generalWay are the flags of a build in which each connection has a goroutine, and none is
// served on the shards.
var generalWay = []string{"-tags=generalway"}

func TestMain(m *testing.M) {
	flag.Parse()
	if form != "" { // races are looked for in the form that the adapter writes
		built.Flags = nil
	}
	if os.Getenv("WAY") == "general" {
		built.Flags = generalWay
	}
	// Tests that wait for the others must not keep these from running.
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

// again is how often a scenario in which something is wrong is run again, alone, when the
// others are done: the machine may have been busy. If in ours more than times were wrong,
// that is for few scenarios.
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
				t.Skip("no IPv6 here")
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
				t.Logf("once more:\n%v", r)
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
