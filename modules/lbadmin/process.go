// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// Process describes the process.
type Process struct {
	PID int `json:"pid"`
	// Node is the name of the system.
	Node string `json:"node"`
	// Version is Caddy's, ModuleVersion that of this module, and Go that of Go.
	Version       string    `json:"version"`
	ModuleVersion string    `json:"module_version"`
	Go            string    `json:"go"`
	Started       time.Time `json:"started"`
	// Uptime is in seconds.
	Uptime float64 `json:"uptime"`
	// Threads is the number of threads that run Go code at a time.
	Threads    int `json:"threads"`
	Goroutines int `json:"goroutines"`
	// Memory is the number of bytes that Go has from the system, Heap that of objects. MemoryLimit is
	// 0 for none.
	Memory      uint64 `json:"memory"`
	Heap        uint64 `json:"heap"`
	MemoryLimit int64  `json:"memory_limit"`
	// Connections is the number of open ones, ConnectionsMax the highest number so far, and
	// ConnectionsTotal that of all so far. MaxConn is the limit, 0: none; ConnectionsPossible is
	// the number that the limit of descriptors allows, 0: not known.
	Connections         int   `json:"connections"`
	ConnectionsMax      int   `json:"connections_max"`
	ConnectionsTotal    int64 `json:"connections_total"`
	MaxConn             int   `json:"maxconn"`
	ConnectionsPossible int   `json:"connections_possible"`
	// ConnectionRate and SessionRate are about the last second.
	ConnectionRate Rate `json:"connection_rate"`
	SessionRate    Rate `json:"session_rate"`
	// Listeners is the number of open ones.
	Listeners int `json:"listeners"`
	// BytesIn and BytesOut are the bytes of clients and servers, counted when connections end.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// LogLines is the number of lines of connections, LogLinesDropped of those that were dropped.
	LogLines        uint64 `json:"log_lines"`
	LogLinesDropped uint64 `json:"log_lines_dropped"`
	Stopping        bool   `json:"stopping"`
	// Overload is the stage of overload: normal, tight or paused.
	Overload string `json:"overload"`
	// Set has the names of the values that were set at run time and differ from the configuration,
	// with "runtime" for each.
	Set map[string]string `json:"set,omitempty"`
}

func newProcess() Process {
	p := control.ProcessNow()
	out := Process{
		PID: p.PID, Node: p.Node, ModuleVersion: p.Version, Go: p.Go, Started: p.Started, Uptime: time.Since(p.Started).Seconds(),
		Threads: p.Threads, Goroutines: p.Goroutines, Memory: p.Memory.System, Heap: p.Memory.Heap, MemoryLimit: p.MemoryLimit,
		Connections: p.Connections, ConnectionsMax: p.Highest, ConnectionsTotal: p.Total, MaxConn: p.MaxConn, ConnectionsPossible: p.Possible,
		ConnectionRate: Rate{p.ConnRate, p.MaxConnRate, p.ConnRateLimit}, SessionRate: Rate{p.SessionRate, p.MaxSessionRate, p.SessionRateLimit},
		Listeners: p.Listeners, BytesIn: p.In, BytesOut: p.Out, LogLines: p.LogLines, LogLinesDropped: p.DroppedLogLines,
		Stopping: p.Stopping, Overload: p.Overload.Stage,
	}
	out.Version, _ = caddy.Version()
	var set []string
	for _, o := range control.Overrides() {
		if o.Frontend == "" && o.Backend == "" && o.File == "" {
			set = append(set, o.Key)
		}
	}
	out.Set = setAtRuntime(set)
	return out
}

// ProcessChange is the body of a PATCH of the process: limits, 0 for none. At least one field must
// be set.
type ProcessChange struct {
	// MaxConn is the number of connections at which accepting pauses.
	MaxConn *int `json:"maxconn,omitempty"`
	// ConnectionRateLimit and SessionRateLimit are the highest numbers in a second.
	ConnectionRateLimit *int `json:"connection_rate_limit,omitempty"`
	SessionRateLimit    *int `json:"session_rate_limit,omitempty"`
}

// changeProcess changes the limits of the process, and answers with its state.
func changeProcess(r *request) (any, error) {
	says, err := decode[ProcessChange](r, `{"maxconn": 10000}, with maxconn, connection_rate_limit or session_rate_limit`)
	if err != nil {
		return nil, err
	}
	if says == (ProcessChange{}) {
		return nil, invalid("nothing to change: expected maxconn, connection_rate_limit or session_rate_limit")
	}
	c := control.ProcessChange{MaxConn: says.MaxConn, ConnRate: says.ConnectionRateLimit, SessionRate: says.SessionRateLimit}
	if _, err := control.ChangeProcess(control.ByAdmin, c); err != nil {
		return nil, err
	}
	return newProcess(), nil
}
