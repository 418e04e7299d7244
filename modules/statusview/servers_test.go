// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statfields"
)

// first picks the first server.
type first struct{}

func (*first) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

// serving runs a backend until the test is over.
func serving(t testing.TB, name string, servers ...pool.ServerConfig) *pool.Pool {
	t.Helper()
	p, err := balancer.Registry().Open(pool.Config{Backend: name, Policy: new(first), Servers: servers})
	if err != nil {
		t.Fatal(err)
	}
	p.Activate()
	t.Cleanup(p.Close)
	return p
}

// fields are HAProxy's fields in the order of serverColumns; those without are shown otherwise.
var fields = []string{
	"svname", "status", "", "", "", "qcur", "qmax", "qlimit", "rate", "rate_max", "scur", "smax", "slim", "lbtot", "",
	"bin", "bout", "econ", "eresp", "", "wretr", "wredis", "", "", "", "", "",
}

// TestServersAsHAProxy compares the columns with the fields of show stat.
func TestServersAsHAProxy(t *testing.T) {
	t.Parallel()
	p := serving(t, "columns",
		pool.ServerConfig{Name: "s1", Address: "192.0.2.1:443", Weight: 7, MaxConn: 1234, MaxQueue: 56},
		pool.ServerConfig{Name: "s2", Address: "192.0.2.2:443", Weight: 1, Backup: true, HealthConfig: pool.HealthConfig{Track: pool.Ref{Backend: "columns", Server: "s1"}}},
		pool.ServerConfig{Name: "s3", Address: "192.0.2.3:443", Weight: 1, Disabled: true},
	)
	for range 3 {
		lease, err := p.Acquire(t.Context(), &pool.Request{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { lease.Release(pool.Served) })
	}
	panels, err := oneBackend(Query{Backend: "columns"}, new(Options))
	if err != nil {
		t.Fatal(err)
	}
	rows := panels[0].Tables[0].Rows
	names := statfields.FieldNames()
	q := statfields.Query{Kinds: statfields.All, ID: -1}
	i := 0
	for r := range statfields.Stat(q) {
		if r.Values[0].Text != "columns" || r.Kind != statfields.Server {
			continue
		}
		for column, field := range fields {
			if field == "" || field == "rate" || field == "rate_max" { // they change with time
				continue
			}
			want := r.Values[slices.Index(names, field)].Text
			if got := plain(rows[i].Cells[column]); got != want {
				t.Errorf("%s: %s %s is %q, %s is %q", rows[i].Key, serverColumns[column].Group, serverColumns[column].Title, got, field, want)
			}
		}
		i++
	}
	if i != 3 || plain(rows[0].Cells[10]) != "3" {
		t.Errorf("%d rows, sessions of the first: %+v", i, rows[0].Cells[10])
	}
}

// plain returns the text of a cell as HAProxy writes numbers.
func plain(c Cell) string {
	if c.Sort != nil {
		return strconv.FormatFloat(*c.Sort, 'f', -1, 64)
	}
	return strings.ReplaceAll(c.Text, space, "")
}

func TestServerClasses(t *testing.T) {
	t.Parallel()
	check := new(pool.Check)
	for _, c := range []struct {
		want   string
		status string
		s      pool.ServerStatus
	}{
		{Up, "UP", pool.ServerStatus{ServerConfig: pool.ServerConfig{HealthConfig: pool.HealthConfig{Check: check}}, Weight: 1}},
		{BackupUp, "UP", pool.ServerStatus{ServerConfig: pool.ServerConfig{Backup: true}, Weight: 1}},
		{GoingDown, "UP 1/3", pool.ServerStatus{Weight: 1}},
		{GoingUp, "DOWN 1/2", pool.ServerStatus{Weight: 1, Down: true}},
		{Down, "DOWN", pool.ServerStatus{Weight: 1, Down: true}},
		{Down, "DOWN (agent)", pool.ServerStatus{Weight: 1, Down: true}},
		{Draining, "DRAIN", pool.ServerStatus{Weight: 1, Admin: pool.Drain}},
		{Draining, "UP", pool.ServerStatus{}},
		{Maint, "MAINT (via a/b)", pool.ServerStatus{Weight: 1, Admin: pool.Maint, Down: true}},
		{Unchecked, "no check", pool.ServerStatus{Weight: 1}},
	} {
		if got := serverClass(&c.s, c.status); got != c.want {
			t.Errorf("%s: class %q, want %q", c.status, got, c.want)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for _, ref := range []pool.Ref{{Backend: "a", Server: "b"}, {Backend: "a/b", Server: "c d"}, {Backend: "%2F", Server: "\x00\"<"}} {
		if got, err := ServerOfTarget(targetOf(ref.Backend, ref.Server)); err != nil || got != ref {
			t.Errorf("%+v: %+v, %v", ref, got, err)
		}
	}
	for _, wrong := range []string{"", "a", "%/b", "a/%"} {
		if ref, err := ServerOfTarget(wrong); err == nil {
			t.Errorf("%q: %+v", wrong, ref)
		}
	}
}

// BenchmarkBackend computes the view of a backend with 1000 servers, and its changes.
func BenchmarkBackend(b *testing.B) {
	var servers []pool.ServerConfig
	for i := range 1000 {
		servers = append(servers, pool.ServerConfig{Name: "s" + strconv.Itoa(i), Address: "192.0.2.1:443", Weight: 1, MaxConn: 100})
	}
	serving(b, "bench", servers...)
	for name, q := range map[string]Query{"all": {View: "backends", Backend: "bench", All: true}, "page": {View: "backends", Backend: "bench"}, "among all": {View: "backends"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			view := new(View)
			for b.Loop() {
				panels, err := backends(q, new(Options), control.ProcessNow().Started)
				if err != nil {
					b.Fatal(err)
				}
				next := &View{Panels: panels}
				Changes(view, next)
				view = next
			}
		})
	}
}
