// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// InfoField is a field of show info.
type InfoField struct {
	Pos   int // in HAProxy's list
	Name  string
	Tags  Tags
	Value Value
}

// process holds the numbers that several fields of show info are about.
type process struct {
	accepted, sessions, out int64
	rate, maxRate           int

	listeners int
	memory    runtime.MemStats
}

// infoFields are the fields of HAProxy 2.6, in its order, two of which it does not show either.
var infoFields = []struct {
	name  string
	tags  Tags
	value func(*process) Value
}{
	{"Name", "POS", words("caddy-passthrough")},
	{"Version", "POS", func(*process) Value { return text(Version()) }},
	{"Release_date", "POS", func(*process) Value { return text(releaseDate()) }},
	{"Nbthread", "CGS", func(*process) Value { return small(runtime.GOMAXPROCS(0)) }},
	{"Nbproc", "CGS", fixed(1)},
	{"Process_num", "KGP", fixed(1)},
	{"Pid", "SGP", func(*process) Value { return small(os.Getpid()) }},
	{"Uptime", "MDP", func(*process) Value { return text(uptime(time.Since(started))) }},
	{"Uptime_sec", "MDP", func(*process) Value { return since(started) }},
	{"Memmax_MB", "CLP", func(*process) Value { return small(int64(limits.MemoryLimit()) >> 20) }},
	{"PoolAlloc_MB", "MGP", func(p *process) Value { return small(p.memory.HeapSys >> 20) }},
	{"PoolUsed_MB", "MGP", func(p *process) Value { return small(p.memory.HeapAlloc >> 20) }},
	{"PoolFailed", "MCP", fixed(0)},
	{"Ulimit-n", "CLP", func(*process) Value { return small(2 * descriptorLimit()) }},
	{"Maxsock", "CLP", func(*process) Value { return small(2 * descriptorLimit()) }},
	{"Maxconn", "CLP", func(*process) Value { return small(processLimit()) }},
	{"Hard_maxconn", "CLP", func(*process) Value { return small(descriptorLimit()) }},
	{"CurrConns", "MGP", func(*process) Value { return small(lifecycle.Connections()) }},
	{"CumConns", "MCP", func(p *process) Value { return small(p.accepted) }},
	{"CumReq", "MCP", func(p *process) Value { return small(p.sessions) }},
	{"MaxSslConns", "MMP", fixed(0)},
	{"CurrSslConns", "MGP", fixed(0)},
	{"CumSslConns", "MCP", fixed(0)},
	{"Maxpipes", "CLP", func(*process) Value { return small(int64(relay.ReadStats().MaxPipes)) }},
	{"PipesUsed", "MGP", func(*process) Value { return small(int64(relay.ReadStats().Pipes)) }},
	{"PipesFree", "MGP", fixed(0)},
	{"ConnRate", "MRP", func(p *process) Value { return small(p.rate) }},
	{"ConnRateLimit", "CLP", func(*process) Value { return small(int64(limits.Process.ConnRate.Load())) }},
	{"MaxConnRate", "MMP", func(p *process) Value { return small(p.maxRate) }},
	{"SessRate", "MRP", func(p *process) Value { return small(p.rate) }},
	{"SessRateLimit", "CLP", func(*process) Value { return small(int64(limits.Process.SessRate.Load())) }},
	{"MaxSessRate", "MRP", func(p *process) Value { return small(p.maxRate) }},
	{"SslRate", "MRP", fixed(0)},
	{"SslRateLimit", "CLP", fixed(0)},
	{"MaxSslRate", "MMP", fixed(0)},
	{"SslFrontendKeyRate", "MGP", fixed(0)},
	{"SslFrontendMaxKeyRate", "MMP", fixed(0)},
	{"SslFrontendSessionReuse_pct", "MGP", fixed(0)},
	{"SslBackendKeyRate", "MRP", fixed(0)},
	{"SslBackendMaxKeyRate", "MMP", fixed(0)},
	{"SslCacheLookups", "MCP", fixed(0)},
	{"SslCacheMisses", "MCP", fixed(0)},
	{"CompressBpsIn", "MRP", fixed(0)},
	{"CompressBpsOut", "MRP", fixed(0)},
	{"CompressBpsRateLim", "CLP", fixed(0)},
	{}, {},
	{"Tasks", "MGP", func(*process) Value { return small(runtime.NumGoroutine()) }},
	{"Run_queue", "MGP", fixed(0)},
	{"Idle_pct", "MaP", fixed(100)},
	{"node", "COS", func(*process) Value { return text(node()) }},
	{},
	{"Stopping", "MGP", func(*process) Value {
		stopping, _ := lifecycle.ShuttingDown()
		return oneIf(stopping)
	}},
	{"Jobs", "MGP", func(p *process) Value { return small(lifecycle.Connections() + p.listeners) }},
	{"Unstoppable Jobs", "MGP", fixed(0)},
	{"Listeners", "MGP", func(p *process) Value { return small(p.listeners) }},
	{"ActivePeers", "MGP", fixed(0)},
	{"ConnectedPeers", "MGP", fixed(0)},
	{"DroppedLogs", "MGP", func(*process) Value {
		_, dropped := tcplog.Stats()
		return small(int64(dropped))
	}},
	{"BusyPolling", "MGP", fixed(0)},
	{"FailedResolutions", "MGP", func(*process) Value { return small(int64(resolve.Servers.Stats().Failed)) }},
	{"TotalBytesOut", "MGP", func(p *process) Value { return count(p.out) }},
	{"TotalSplicdedBytesOut", "MGP", func(*process) Value { return count(int64(relay.ReadStats().Spliced)) }},
	{"BytesOutRate", "MRP", func(*process) Value { return count(0) }},
	{"DebugCommandsIssued", "MGP", fixed(0)},
	{"CumRecvLogs", "MCP", fixed(0)},
	{"Build info", "POS", func(*process) Value { return text(Version()) }},
	{"Memmax_bytes", "CLP", func(*process) Value { return small(int64(limits.MemoryLimit())) }},
	{"PoolAlloc_bytes", "MGP", func(p *process) Value { return count(p.memory.HeapSys) }},
	{"PoolUsed_bytes", "MGP", func(p *process) Value { return count(p.memory.HeapAlloc) }},
	{"Start_time_sec", "MDP", func(*process) Value { return small(started.Unix()) }},
	{"Tainted", "SGP", words("0")},
}

func fixed(n int) func(*process) Value    { return func(*process) Value { return small(n) } }
func words(s string) func(*process) Value { return func(*process) Value { return text(s) } }

// Info returns the fields of show info.
func Info() (fields []InfoField) {
	p := newProcess()
	for i, f := range infoFields {
		if f.name != "" {
			fields = append(fields, InfoField{i, f.name, f.tags, f.value(p)})
		}
	}
	return fields
}

func newProcess() *process {
	p := new(process)
	for _, f := range control.Frontends() {
		p.accepted += f.Accepted
		p.sessions += f.Sessions
		p.out += f.Out
		p.rate += f.Rate
		p.maxRate += f.MaxRate
		for i := range f.Listeners {
			if f.Listeners[i].Open {
				p.listeners++
			}
		}
	}
	runtime.ReadMemStats(&p.memory)
	return p
}

// uptime returns a time as HAProxy writes it.
func uptime(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%dd %dh%02dm%02ds", s/86400, s/3600%24, s/60%60, s%60)
}

// Version returns the version of this module, or that of the program.
func Version() string {
	const module = "github.com/caddy-passthrough/caddy-passthrough"
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range build.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return build.Main.Version
}

// releaseDate returns the day of the commit that the program was built from, or "unknown".
func releaseDate() string {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return at.Format("2006/01/02")
			}
		}
	}
	return "unknown"
}

// node returns the name of the system.
func node() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
