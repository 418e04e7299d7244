// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"net/netip"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// texts returns the texts of cells by the titles of their columns.
func texts(t *testing.T, columns []Column, r Row) map[string]string {
	t.Helper()
	if len(r.Cells) != len(columns) {
		t.Fatalf("%d cells, %d columns", len(r.Cells), len(columns))
	}
	all := make(map[string]string)
	for i, c := range columns {
		all[c.Group+" "+c.Title] = r.Cells[i].Text
	}
	return all
}

func TestEndRow(t *testing.T) {
	r := endRow(&control.End{
		ID: 7, At: time.Now(), Frontend: "tls", Backend: "web", Server: "s1", Name: "<b>\n", Client: tcplog.AddrOfIP(netip.MustParseAddrPort("192.0.2.1:5")),
		Outcome: clienthello.Found, Version: 0x0304, ServerVersion: 3, ServerAlert: 113, End: tcplog.ServerReset, By: relay.Server, Error: "reset\nby peer",
		HelloWait: 20 * time.Microsecond, Queue: tcplog.NotReached, Connect: 15 * time.Millisecond, Duration: 90 * time.Second, In: 100, Retries: 2,
	})
	got := texts(t, endColumns, r)
	for column, want := range map[string]string{
		" End": "SD", " Reason": `the server reset the connection; the server refused TLS by the alert 112 unrecognized_name: reset\x0aby peer`,
		" Client": "192.0.2.1:5", " Server": "web/s1", " Name": `<b>\x0a`, " TLS": "1.2", "Times Hello": "<1 ms", "Times Queue": "-", "Times Connect": "15 ms", " Retries": "2",
	} {
		if got[column] != want {
			t.Errorf("%s %q, want %q", column, got[column], want)
		}
	}
	if r.Key != "7" || r.Class != Bad || r.Cells[5].Href != BackendURL("web") {
		t.Errorf("%+v", r)
	}
	r = endRow(&control.End{Outcome: clienthello.NotTLS, End: tcplog.Refused})
	if got := texts(t, endColumns, r); got[" Server"] != "-" || got[" TLS"] != "-" || got[" Reason"] != "refused by a rule, or because of the client's first bytes (not_tls)" {
		t.Errorf("%q", got)
	}
	if r = endRow(&control.End{End: tcplog.Complete, Version: 0x0303, Outcome: clienthello.Found}); r.Class != "" || r.Cells[7].Text != "1.2" || r.Cells[7].Title == "" {
		t.Errorf("%+v", r)
	}
}

func TestLogView(t *testing.T) {
	v, err := Build(Query{View: "log", Frontend: "nothing", Termination: "SC", Source: "192.0.2.0/24", Failed: "1"}, new(Options), time.Now())
	if err != nil || len(v.Panels) != 1 || len(v.Panels[0].Tables[0].Rows) != 0 || v.Panels[0].Form.Fields[6].Value != "SC" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := Build(Query{View: "log", Source: "x"}, new(Options), time.Now()); err == nil {
		t.Error("an invalid source is not refused")
	}
}
