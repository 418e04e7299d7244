// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peering"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// InfoField is a field of show info.
type InfoField struct {
	Pos   int // in HAProxy's list
	Name  string
	Tags  Tags
	Value Value
}

// process holds the numbers that fields of show info are about.
type process struct {
	control.Process
	sessions int64
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
	{"Nbthread", "CGS", func(p *process) Value { return small(p.Threads) }},
	{"Nbproc", "CGS", fixed(1)},
	{"Process_num", "KGP", fixed(1)},
	{"Pid", "SGP", func(p *process) Value { return small(p.PID) }},
	{"Uptime", "MDP", func(p *process) Value { return text(uptime(time.Since(p.Started))) }},
	{"Uptime_sec", "MDP", func(p *process) Value { return since(p.Started) }},
	{"Memmax_MB", "CLP", func(p *process) Value { return small(p.MemoryLimit >> 20) }},
	{"PoolAlloc_MB", "MGP", func(p *process) Value { return small(p.Memory.System >> 20) }},
	{"PoolUsed_MB", "MGP", func(p *process) Value { return small(p.Memory.Heap >> 20) }},
	{"PoolFailed", "MCP", fixed(0)},
	{"Ulimit-n", "CLP", func(p *process) Value { return small(2 * p.Possible) }},
	{"Maxsock", "CLP", func(p *process) Value { return small(2 * p.Possible) }},
	{"Maxconn", "CLP", func(p *process) Value { return small(cmp.Or(p.MaxConn, p.Possible)) }},
	{"Hard_maxconn", "CLP", func(p *process) Value { return small(p.Possible) }},
	{"CurrConns", "MGP", func(p *process) Value { return small(p.Connections) }},
	{"CumConns", "MCP", func(p *process) Value { return small(p.Total) }},
	{"CumReq", "MCP", func(p *process) Value { return small(p.sessions) }},
	{"MaxSslConns", "MMP", fixed(0)},
	{"CurrSslConns", "MGP", fixed(0)},
	{"CumSslConns", "MCP", fixed(0)},
	{"Maxpipes", "CLP", func(p *process) Value { return small(int64(p.Relay.MaxPipes)) }},
	{"PipesUsed", "MGP", func(p *process) Value { return small(int64(p.Relay.Pipes)) }},
	{"PipesFree", "MGP", fixed(0)},
	{"ConnRate", "MRP", func(p *process) Value { return small(p.ConnRate) }},
	{"ConnRateLimit", "CLP", func(p *process) Value { return small(p.ConnRateLimit) }},
	{"MaxConnRate", "MMP", func(p *process) Value { return small(p.MaxConnRate) }},
	{"SessRate", "MRP", func(p *process) Value { return small(p.SessionRate) }},
	{"SessRateLimit", "CLP", func(p *process) Value { return small(p.SessionRateLimit) }},
	{"MaxSessRate", "MRP", func(p *process) Value { return small(p.MaxSessionRate) }},
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
	{},
	{},
	{"Tasks", "MGP", func(p *process) Value { return small(p.Goroutines) }},
	{"Run_queue", "MGP", fixed(0)},
	{"Idle_pct", "MaP", fixed(100)},
	{"node", "COS", func(p *process) Value { return text(cmp.Or(p.Node, "localhost")) }},
	{},
	{"Stopping", "MGP", func(p *process) Value { return oneIf(p.Stopping) }},
	{"Jobs", "MGP", func(p *process) Value { return small(p.Connections + p.Listeners) }},
	{"Unstoppable Jobs", "MGP", fixed(0)},
	{"Listeners", "MGP", func(p *process) Value { return small(p.Listeners) }},
	{"ActivePeers", "MGP", func(*process) Value { return small(peering.Connected()) }},
	{"ConnectedPeers", "MGP", func(*process) Value { return small(peering.Connected()) }},
	{"DroppedLogs", "MGP", func(p *process) Value { return small(p.DroppedLogLines) }},
	{"BusyPolling", "MGP", fixed(0)},
	{"FailedResolutions", "MGP", func(*process) Value { return small(int64(resolve.Servers.Stats().Failed)) }},
	{"TotalBytesOut", "MGP", func(p *process) Value { return count(p.Out) }},
	{"TotalSplicdedBytesOut", "MGP", func(p *process) Value { return count(int64(p.Relay.Spliced)) }},
	{"BytesOutRate", "MRP", func(*process) Value { return count(0) }},
	{"DebugCommandsIssued", "MGP", fixed(0)},
	{"CumRecvLogs", "MCP", fixed(0)},
	{"Build info", "POS", func(*process) Value { return text(Version()) }},
	{"Memmax_bytes", "CLP", func(p *process) Value { return small(p.MemoryLimit) }},
	{"PoolAlloc_bytes", "MGP", func(p *process) Value { return count(p.Memory.System) }},
	{"PoolUsed_bytes", "MGP", func(p *process) Value { return count(p.Memory.Heap) }},
	{"Start_time_sec", "MDP", func(p *process) Value { return small(p.Started.Unix()) }},
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
	p := &process{Process: control.ProcessNow()}
	for _, f := range control.Frontends() {
		p.sessions += f.Sessions
	}
	return p
}

// uptime returns a time as HAProxy writes it.
func uptime(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%dd %dh%02dm%02ds", s/86400, s/3600%24, s/60%60, s%60)
}

// Version returns the version of this module, or that of the program.
func Version() string { return cmp.Or(control.ProcessNow().Version, "unknown") }

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
