// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

func TestNamesView(t *testing.T) {
	frontend.ServerNames.Limit(1)
	defer frontend.ServerNames.Limit(0)
	l := tally.Enter()
	for _, name := range []string{"<i>", "<i>", "other"} {
		frontend.ServerNames.Add(l, name)
	}
	frontend.NameBytes.Add(l, "", 2048)
	l.Leave()
	v, err := Build(Query{View: "names"}, new(Options), time.Now())
	if err != nil || len(v.Panels) != 6 {
		t.Fatalf("%+v, %v", v, err)
	}
	rows := v.Panels[1].Tables[0].Rows
	if len(rows) != 2 || rows[0].Cells[0].Text != "<i>" || rows[0].Cells[1].Text != "2" || *rows[0].Cells[1].Bar != 1 || rows[1].Cells[0].Text != "all others" || rows[1].Cells[1].Text != "1" {
		t.Errorf("%+v", rows)
	}
	if rows = v.Panels[2].Tables[0].Rows; len(rows) != 1 || rows[0].Cells[0].Text != "without a name" || rows[0].Cells[1].Text != "2.0kB" {
		t.Errorf("%+v", rows)
	}
	if p := v.Panels[5]; p.Tables != nil || p.Note == "" {
		t.Errorf("fingerprints are shown although they are not counted: %+v", p)
	}
	if v, err = Build(Query{View: "names"}, &Options{Scope: []string{"tls"}}, time.Now()); err != nil || len(v.Panels) != 1 {
		t.Errorf("a page of a part shows the names of all: %+v, %v", v, err)
	}
}

func TestHelloRow(t *testing.T) {
	c := control.HelloCounts{Outcomes: map[string]uint64{"hello": 8, "not_tls": 1, "malformed": 2, "sslv2": 3, "timeout": 4}}
	c.Total, c.PostQuantum, c.ECH = 8, 2, 8
	c.Offered, c.Chosen = frontend.Versions{1, 0, 1, 2, 3, 1}, frontend.Versions{3: 5}
	got := texts(t, helloColumns, helloRow("", Cell{Text: "tls"}, &c))
	for column, want := range map[string]string{
		" Hellos": "8", " Post-quantum": "25 %", " ECH": "100 %", "TLS offered 1.3": "3", "TLS offered 1.2": "2", "TLS offered Older": "3",
		"TLS chosen 1.3": "0", "TLS chosen 1.2": "5", "TLS chosen Older": "0", "No hello Not TLS": "1", "No hello Invalid": "5", "No hello Timeout": "4", " Not inspected": "0",
	} {
		if got[column] != want {
			t.Errorf("%s %q, want %q", column, got[column], want)
		}
	}
	if c := share(0, 0); c.Text != "-" {
		t.Errorf("%+v", c)
	}
}

func TestProblemsPanel(t *testing.T) {
	p := problemsPanel(new(Options), time.Now())
	if len(p.Messages) != 1 || p.Messages[0].Class != Good {
		t.Errorf("%+v", p)
	}
	scoped := &Options{Scope: []string{"web"}}
	for what, want := range map[*control.Problem]bool{
		{Backend: "web"}: true, {Backend: "mail"}: false, {Frontend: "tls"}: false, {Kind: "overload"}: true, {Kind: "name_failed"}: false, {Kind: "overrides", Backend: "mail"}: false,
	} {
		if scoped.concerns(what) != want {
			t.Errorf("%+v concerns the page: %v", what, !want)
		}
	}
	for what, want := range map[*control.Problem]string{
		{Kind: "backend_down", Backend: "web"}: BackendURL("web"), {Kind: "unknown_names", Frontend: "tls"}: "?view=names", {Kind: "overload"}: "",
		{Kind: "connect_failures", Backend: "web", Server: "s1"}: "?backend=web&failed=1&server=s1&view=log",
	} {
		if got := problemURL(what); got != want {
			t.Errorf("%s leads to %s, want %s", what.Kind, got, want)
		}
	}
}
