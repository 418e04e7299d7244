// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

// maxPage is the size of a page with all that it loads, uncompressed.
const maxPage = 120 << 10

// passes is a check that each server passes.
type passes struct{}

func (passes) Check(context.Context, pool.Target) pool.Result {
	return pool.Result{Code: pool.Layer4OK}
}

// servers returns the configurations of servers with checks.
func servers(n int) (all []pool.ServerConfig) {
	for i := range n {
		all = append(all, pool.ServerConfig{
			Name: fmt.Sprintf("server-%d", i), Address: fmt.Sprintf("192.0.2.%d:443", i%250), Weight: 100, MaxConn: 1000,
			HealthConfig: pool.HealthConfig{Check: &pool.Check{Checker: passes{}, Interval: time.Hour, Rise: 2, Fall: 3}},
		})
	}
	return all
}

// TestSize adds up a page of three backends with 40 servers and one with 1000, and what it loads.
func TestSize(t *testing.T) {
	t.Parallel()
	scope := []string{"size-a", "size-b", "size-c", "size-many"}
	for _, name := range scope[:3] {
		serving(t, name, servers(40)...)
	}
	serving(t, scope[3], servers(1000)...)
	loaded := 0
	for _, a := range assets {
		loaded += len(a)
	}
	s := site(t, &Handler{Scope: scope, AllowControl: true}, "")
	for _, e := range statusview.Menu() {
		_, body := get(t, s, "/status/?view="+e.Name)
		t.Logf("%s: %d bytes, and %d of assets", e.Name, len(body), loaded)
		if len(body)+loaded > maxPage {
			t.Errorf("%s: %d bytes, want at most %d", e.Name, len(body)+loaded, maxPage)
		}
	}
}

// document returns the nodes of a page by their IDs, and those of rows by table/key.
func nodes(t *testing.T, body string) map[string]*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]*html.Node)
	for n := range root.Descendants() {
		id := attribute(n, "id")
		if key := attribute(n, "data-key"); key != "" {
			id = attribute(n.Parent.Parent, "id") + "/" + key
		}
		if id == "" {
			continue
		}
		if found[id] != nil {
			t.Errorf("%s is twice in the page", id)
		}
		found[id] = n
	}
	return found
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// textOf returns the text in a node.
func textOf(n *html.Node) (text string) {
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			text += d.Data
		}
	}
	return strings.TrimSpace(text)
}

// cellsOf returns the cells of a row.
func cellsOf(n *html.Node) (cells []*html.Node) {
	for c := range n.ChildNodes() {
		cells = append(cells, c)
	}
	return cells
}

// TestEveryFact compares the HTML, which needs no script, with the cells that scripts get.
func TestEveryFact(t *testing.T) {
	t.Parallel()
	serving(t, "facts", servers(3)...)
	_, _ = control.ChangeServer(control.ByAdmin, "facts", "server-1", control.ServerChange{Admin: new(pool.Drain)})
	s := site(t, &Handler{Scope: []string{"facts"}}, "")
	for _, e := range statusview.Menu() {
		_, body := get(t, s, "/status/?view="+e.Name)
		q, _ := statusview.ParseQuery(map[string][]string{"view": {e.Name}})
		view, err := statusview.Build(q, &statusview.Options{Scope: []string{"facts"}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		in := nodes(t, body)
		for _, p := range view.Panels {
			for _, f := range p.Facts {
				if in[f.ID] == nil || f.Value.At.IsZero() && !isMoving(f.ID) && textOf(in[f.ID]) != f.Value.Text {
					t.Errorf("%s: fact %s is not in the page", e.Name, f.ID)
				}
			}
			for _, table := range p.Tables {
				compareRows(t, in, &table)
			}
		}
	}
}

// isMoving reports whether a fact of the process changes between two looks.
func isMoving(id string) bool {
	return id == "memory" || id == "connections" || id == "rate" || id == "total" || id == "in" || id == "out"
}

func compareRows(t *testing.T, in map[string]*html.Node, table *statusview.Table) {
	t.Helper()
	for _, r := range table.Rows {
		row := in[table.ID+"/"+r.Key]
		if row == nil {
			t.Errorf("%s: row %s is not in the page", table.ID, r.Key)
			continue
		}
		for i, c := range cellsOf(row) {
			cell := r.Cells[i]
			if cell.At.IsZero() && textOf(c) != cell.Text || attribute(c, "class") != cell.Class || attribute(c, "title") != cell.Title {
				t.Errorf("%s: %s has %q %q, want %+v", table.ID, r.Key, textOf(c), attribute(c, "title"), cell)
			}
		}
	}
}

// TestHostileNames shows a backend and servers whose names are markup and control bytes.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	const markup = `"><script>alert(1)</script><img src=x onerror=alert(1)>'&lt;`
	serving(t, "hostile"+markup, pool.ServerConfig{Name: markup, Address: markup, Weight: 1}, pool.ServerConfig{Name: "\x00\x1b[31m\u202e\xff", Address: "a", Weight: 1})
	s := site(t, &Handler{Title: markup, Node: markup, Description: markup, Scope: []string{"hostile" + markup}, AllowControl: true}, markup)
	for _, query := range []string{"?view=backends", "?view=sessions&name=" + strings.ReplaceAll(strings.ReplaceAll(markup, "&", "%26"), " ", "+"), "?view=" + strings.ReplaceAll(markup, " ", "+")} {
		answer, body := get(t, s, "/status/"+query)
		if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", query, answer.Status)
		}
		root, err := html.Parse(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" && !strings.HasPrefix(attribute(n, "src"), "page/") || n.Data == "img" || attribute(n, "onerror") != "" {
				t.Errorf("%s: the page has the element %s %v", query, n.Data, n.Attr)
			}
		}
		if strings.ContainsAny(body, "\x00\x1b\u202e") {
			t.Errorf("%s: the page has control characters", query)
		}
		if !strings.Contains(strings.ReplaceAll(body, "&#34;", `"`), "onerror=alert(1)&gt;") {
			t.Errorf("%s: the page does not show the markup as text", query)
		}
	}
}

// TestPages pages through a backend with 250 servers, sorted by a column.
func TestPages(t *testing.T) {
	t.Parallel()
	serving(t, "pages", servers(250)...)
	s := site(t, new(Handler), "")
	seen, target := 0, "?view=backends&backend=pages&sort=-1"
	for target != "" {
		_, body := get(t, s, "/status/"+target)
		target = ""
		for n := range mustParse(t, body).Descendants() {
			switch {
			case n.Data == "tr" && attribute(n, "data-key") != "":
				seen++
			case n.Data == "a" && attribute(n, "rel") == "next":
				target = attribute(n, "href")
			}
		}
	}
	if seen != 250 {
		t.Errorf("%d servers in all pages, want 250", seen)
	}
	_, body := get(t, s, "/status/?view=backends&backend=pages&filter=SERVER-24")
	if n := strings.Count(body, "data-key="); n != 11 {
		t.Errorf("%s servers contain server-24, want 11", strconv.Itoa(n))
	}
}

func mustParse(t *testing.T, body string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return root
}
