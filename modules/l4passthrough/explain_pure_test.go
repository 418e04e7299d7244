// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"reflect"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// everyCount is a frontend in which each connection counts in many places.
const everyCount = `{
	"name": "every-count", "timeout_client": "1m",
	"connection": [{"action": "track", "key": "src", "table": "every"}, {"action": "sc_inc_gpc0"}],
	"content": {"inspect_delay": "1m", "rules": [
		{"action": "set_var", "var": "proc.last", "value": "req.ssl_sni"},
		{"action": "close", "match": [{"acl": [{"any": [{"fetch": "sc0_conn_cnt", "values": ["gt", "3"]}]}]}]},
		{"action": "close", "match": [{"acl": [{"any": [{"fetch": "src_inc_gpc0(every)", "values": ["gt", "1000"]}]}]}]},
		{"action": "close", "match": [{"rate": {"over": "3/1h"}}]},
		{"action": "set_var", "var": "sess.x", "value": "src", "match": [{"not": [{"acl": [{"any": [{"fetch": "src_inc_gpc0(every)", "values": ["gt", "1000"]}]}]}, {"rate": {"over": "1/1h"}}]}]},
		{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]}
	]},
	"rules": [{"backends": [{"name": "every-a", "weight": 1}, {"name": "every-b", "weight": 1}]}]
}`

// sticky is a backend of two servers with a stick table of its own.
const sticky = `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}, {"name": "s2", "address": "127.0.0.1:1"}], "stick": {"rules": [{"action": "on", "key": "src"}]}, "retries": 0}`

// state is all that explanations could change.
type state struct {
	metrics      *frontend.Metrics
	conns, gpc0  int64
	taken, stuck int
	last         string
}

func stateOf(app *balancer.App) (s state) {
	all := frontend.AllMetrics()
	s.metrics = all["every-count"]
	app.Table("every").View([]byte{127, 0, 0, 1}, func(r tables.Row) {
		s.conns, _ = r.Get(tables.ConnCount, 0)
		s.gpc0, _ = r.Get(tables.GPC0, 0)
	})
	for _, b := range []string{"every-a", "every-b"} {
		status, _ := balancer.Registry().Backend(b)
		s.taken += int(status.Taken)
		s.stuck += app.Table(b).Len()
	}
	last, _ := app.Variable("proc.last")
	s.last = last.String()
	return s
}

// Explanations change no count and no later explanation.
func TestExplainingChangesNothing(t *testing.T) {
	app, ctx := frontendtest.App(t, map[string]string{"every-a": sticky, "every-b": sticky})
	if err := app.AddTable("every", &stick.Table{Type: "ip", Store: []string{"conn_cnt", "gpc0", "conn_rate(1h)"}}); err != nil {
		t.Fatal(err)
	}
	h := new(Handler)
	if err := caddy.StrictUnmarshalJSON([]byte(everyCount), h); err != nil {
		t.Fatal(err)
	}
	logged := provisioned(t, ctx, app, h)
	client, server := frontendtest.Connected(t)
	defer client.Close()
	p := probe(server, hellotest.Hello(t, "a.test"))
	before, first := stateOf(app), h.frontend.Explain(p)
	if first.Ends || first.Backend != "every-a" || len(first.Usable) != 2 || first.Server != nil {
		t.Fatalf("%+v", first)
	}
	for range 50 {
		again := h.frontend.Explain(p)
		if again.Backend != "every-a" || again.Ends || len(again.Steps) != len(first.Steps) {
			t.Fatalf("%+v, after %+v", again, first)
		}
	}
	if diff := cmp.Diff(before, stateOf(app), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Error(diff)
	}
	if logged.Len() > 0 {
		t.Error(logged.All())
	}
	// It sees the counts as they will be: this connection is the fourth.
	app.Table("every").Update([]byte{127, 0, 0, 1}, func(r tables.Row) { r.Set(tables.ConnCount, 0, 3) })
	if x := h.frontend.Explain(p); x.Reason != "content rule 2: close" {
		t.Errorf("%+v", x)
	}
}
