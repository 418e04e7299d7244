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
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// folder holds the scenarios.
const folder = "scenarios"

// atOnce is how many scenarios run at the same time: they wait most of theirs.
const atOnce = 8

// built is our program.
var built = programs.Caddy{Flags: []string{"-race"}}

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := parallel.Value.Set(strconv.Itoa(atOnce)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
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

// tries is how often a scenario is run in which something is wrong: the machine may
// have been busy. Where more than times were wrong, that is for few scenarios.
const (
	tries  = 3
	excuse = 4
)

func TestScenarios(t *testing.T) {
	judge, ours := findHAProxy(t), findOurs(t)
	ours.branch = judge.version.String()
	var excused atomic.Int64
	for _, name := range scenarioNames(t, folder) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readScenario(t, folder, name)
			if strings.Contains(s.config, "[::") && !hasIPv6() {
				t.Skip("no IPv6 here")
			}
			if len(s.refused) > 0 {
				s.isRefused(t, judge, ours)
				return
			}
			for try := 1; ; try++ {
				r := compare(s, judge, ours)
				switch {
				case r.ok():
					t.Log(r)
				case try < tries && (r.onlyTimes() || excused.Add(1) <= excuse):
					t.Logf("once more:\n%v", r)
					continue
				default:
					t.Error(r)
				}
				return
			}
		})
	}
}
