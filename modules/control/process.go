// SPDX-License-Identifier: Apache-2.0

package control

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Process is a snapshot of the process.
type Process struct {
	PID     int
	Node    string // the name of the system
	Version string // of this module
	Go      string // the version of Go
	Started time.Time
	// Threads is the number of threads that run Go code at a time.
	Threads, Goroutines int
	Stopping            bool

	// Connections is the number of open ones, Highest the highest number so far, Total that of all so
	// far. MaxConn is the limit that was set, 0: none; Possible is the number that the limit of
	// descriptors allows, 0: not known.
	Connections, Highest int
	Total                int64
	MaxConn, Possible    int

	// ConnRate and SessionRate are numbers of the last second, with their limits (0: none) and the
	// highest that were ever returned.
	ConnRate, ConnRateLimit, MaxConnRate          int
	SessionRate, SessionRateLimit, MaxSessionRate int

	// Listeners is the number of open ones.
	Listeners int
	// In and Out are the bytes that clients and servers sent in connections that have ended.
	In, Out int64
	// MemoryLimit is in bytes; 0: none.
	MemoryLimit int64
	Memory      MemoryUse
	Relay       relay.Stats
	// LogLines is the number of lines of connections, DroppedLogLines of those that were dropped.
	LogLines, DroppedLogLines uint64
	Overload                  limits.Report
}

// MemoryUse is the memory of the process, in bytes.
type MemoryUse struct{ Heap, System uint64 }

var started = time.Now()

// Started returns when the process began.
func Started() time.Time { return started }

// ProcessNow returns a snapshot of the process.
func ProcessNow() Process {
	p := Process{
		PID: os.Getpid(), Version: version(), Go: runtime.Version(), Started: started,
		Threads: runtime.GOMAXPROCS(0), Goroutines: runtime.NumGoroutine(),
		Connections: lifecycle.Connections(), Highest: frontend.HighestConnections(), Total: lifecycle.TotalConnections(),
		MaxConn: int(limits.Process.MaxConn.Load()), ConnRateLimit: int(limits.Process.ConnRate.Load()), SessionRateLimit: int(limits.Process.SessRate.Load()),
		MemoryLimit: limits.MemoryLimit(), Relay: relay.ReadStats(), Overload: limits.Overload.Report(),
	}
	p.Node, _ = os.Hostname()
	p.Stopping, _ = lifecycle.ShuttingDown()
	p.Possible = int(p.Overload.Resources["descriptors"].Limit)
	p.ConnRate, p.MaxConnRate, p.SessionRate, p.MaxSessionRate = limits.Process.Rates()
	p.LogLines, p.DroppedLogLines = tcplog.Stats()
	for _, l := range frontend.AllListeners() {
		if l.Open {
			p.Listeners++
		}
	}
	for _, m := range frontend.AllMetrics() {
		p.In, p.Out = p.In+m.In, p.Out+m.Out
	}
	p.Memory = memoryUse()
	return p
}

// memoryUse reads the use of memory, without stopping the program for that.
func memoryUse() MemoryUse {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}}
	metrics.Read(samples)
	return MemoryUse{samples[0].Value.Uint64(), samples[1].Value.Uint64()}
}

// modulePath is that of this module.
const modulePath = "github.com/caddy-passthrough/caddy-passthrough"

// version returns the version of this module in the program.
func version() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range build.Deps {
		if m.Path == modulePath {
			return m.Version
		}
	}
	return build.Main.Version
}

// processLimit is a limit of the process, with its name in the configuration.
type processLimit struct {
	key string
	of  *limits.Limit
}

func processLimits() []processLimit {
	return []processLimit{{"maxconn", &limits.Process.MaxConn}, {"max_conn_rate", &limits.Process.ConnRate}, {"max_sess_rate", &limits.Process.SessRate}}
}

// ProcessChange is a change of the limits of the process. Fields that are nil change nothing; 0: no
// limit.
type ProcessChange struct {
	// MaxConn is HAProxy's set maxconn global, ConnRate its set rate-limit connections global, and
	// SessionRate its set rate-limit sessions global.
	MaxConn, ConnRate, SessionRate *int
}

// ChangeProcess changes limits of the process, and returns the changed values. What it sets lasts
// until the configured value changes. The kind of the error is ErrInvalid; on error nothing
// changes.
func ChangeProcess(by Origin, c ProcessChange) (changed []pool.Changed, err error) {
	if err := validateLimits(limit{"maxconn", c.MaxConn}, limit{"max_conn_rate", c.ConnRate}, limit{"max_sess_rate", c.SessionRate}); err != nil {
		return nil, err
	}
	for i, n := range []*int{c.MaxConn, c.ConnRate, c.SessionRate} {
		if n == nil {
			continue
		}
		l := processLimits()[i]
		before := int(l.of.Load())
		l.of.Set(*n, l.of.Configured(), string(by))
		changed = append(changed, changeOf(l.key, before, *n)...)
	}
	for _, v := range changed {
		report(RuntimeChange{By: by, Changed: v})
	}
	return changed, nil
}

// ClearCounters begins the highest numbers of the process, of frontends, backends and servers anew,
// or with all every number since the process began. It is HAProxy's clear counters, and clear
// counters all.
func ClearCounters(by Origin, all bool) {
	limits.Process.ClearMaxima()
	frontend.ClearCounters(all)
	balancer.Registry().ClearCounters(all)
	what := "highest"
	if all {
		what = "all"
	}
	report(RuntimeChange{By: by, Changed: pool.Changed{Key: "counters", From: what, To: "0"}})
}
