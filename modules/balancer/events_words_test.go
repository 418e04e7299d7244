// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// TestHAProxysWords compares with lines of HAProxy; scenarios of the oracle have more.
func TestHAProxysWords(t *testing.T) {
	refused := pool.Result{Code: pool.Layer4Connection, Info: "connection refused"}
	event := func(kind pool.EventKind, change func(e *pool.Event)) stateLine {
		s := stateLine{Event: pool.Event{Backend: "web", Server: "s1", Kind: kind}}
		if change != nil {
			change(&s.Event)
		}
		return s
	}
	tracked := func(e *pool.Event) { e.Via = pool.Ref{Backend: "a", Server: "b"} }
	down := event(pool.ServerDown, func(e *pool.Event) {
		e.Result, e.Took, e.Active, e.Sessions, e.Requeued, e.Queued = refused, 2*time.Millisecond, 1, 3, 2, 1
	})
	logged := down
	logged.logsChecks = true
	drained := down
	drained.stopping = true
	for _, c := range []struct {
		line stateLine
		want string
	}{
		{down, `1 Server web/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 2ms. 1 active and 0 backup servers left. 3 sessions active, 2 requeued, 1 remaining in queue.`},
		{logged, `1 Server web/s1 is DOWN. 1 active and 0 backup servers left. 3 sessions active, 2 requeued, 1 remaining in queue.`},
		{drained, `5 Server web/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 2ms. 1 active and 0 backup servers left. 3 sessions active, 2 requeued, 1 remaining in queue.`},
		{event(pool.ServerDown, tracked), `1 Server web/s1 is DOWN via a/b. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.`},
		{event(pool.ServerUp, func(e *pool.Event) { e.Backup, e.Backups, e.Result.Code = true, 1, pool.CodeManual }), `5 Backup Server web/s1 is UP, changed from CLI. 0 active and 1 backup servers online. Running on backup. 0 sessions requeued, 0 total in queue.`},
		{event(pool.MaintStarted, func(e *pool.Event) { e.Down = true }), `5 Server web/s1 was DOWN and now enters maintenance.`},
		{event(pool.MaintEnded, func(e *pool.Event) { e.Down, e.Admin = true, pool.Drain }), `5 Server web/s1 is DOWN/DRAIN (leaving forced maintenance).`},
		{event(pool.DrainEnded, tracked), `5 Server web/s1 is UP (leaving drain) via a/b.`},
		{event(pool.NoUsableServer, nil), `0 backend web has no server available!`},
		{event(pool.UsableServerAgain, nil), `5 `},
		{event(pool.CheckChanged, func(e *pool.Event) {
			e.Backup, e.Counter, e.Of, e.Result = true, 1, 2, pool.Result{Code: pool.Layer7Status, Info: `at step 1 (expect status "200-399"): 503 Service Unavailable`}
		}), `5 Health check for backup server web/s1 failed, reason: Layer7 wrong status, code: 503, info: "Service Unavailable", check duration: 0ms, status: 1/2 UP.`},
		{event(pool.AgentChanged, func(e *pool.Event) {
			e.Down, e.Counter, e.Of, e.Result = true, 0, 2, pool.Result{Code: pool.Layer7Status, Info: "via agent: down (gone)"}
		}), `5 Agent check for server web/s1 failed, reason: Layer7 wrong status, code: 0, info: "Via agent: down (gone)", check duration: 0ms, status: 0/2 DOWN.`},
		{event(pool.CheckChanged, func(e *pool.Event) { e.Counter, e.Of, e.Result.Code = 2, 2, pool.Layer7Stopping }), `5 Health check for server web/s1 conditionally succeeded, reason: Layer7 check conditionally passed, code: 0, check duration: 0ms, status: 2/2 UP.`},
	} {
		severity, text := c.line.HAProxyLine()
		if got := fmt.Sprint(severity, " ", text); got != c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}
