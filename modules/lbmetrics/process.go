// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
)

var (
	connections      = gauge("connections", "Open connections of the process.")
	connectionsLimit = gauge("connections_limit", "Connections at which the process stops accepting; absent without a limit.")
	stopping         = gauge("stopping", "1 while the process shuts down, else 0.")
	overloadStage    = gauge("overload_stage", "1 for the stage of overload that is in effect, else 0.", "stage")
	overloadStages   = counter("overload_stages_total", "Times that a stage of overload began.", "stage")
	resourceUsed     = gauge("resource_used", "Use of a resource that overload depends on: connections by descriptors, bytes of memory, or bytes of unfinished hellos.", "resource")
	resourceLimit    = gauge("resource_limit", "Limit of the resource; absent if it is not known.", "resource")
)

// stages are those of overload.
var stages = []string{limits.Normal.String(), limits.Tight.String(), limits.Paused.String()}

func sendProcess(out output, _ *snapshot) {
	send(out, connections, lifecycle.Connections())
	sendLimit(out, connectionsLimit, limits.Process.MaxConn.Load())
	ending, _ := lifecycle.ShuttingDown()
	sendIf(out, stopping, ending)
	r := limits.Overload.Report()
	sendState(out, overloadStage, stages, r.Stage)
	for stage, n := range r.Entered {
		send(out, overloadStages, n, stage)
	}
	for name, u := range r.Resources {
		send(out, resourceUsed, u.Used, name)
		sendLimit(out, resourceLimit, u.Limit, name)
	}
}
