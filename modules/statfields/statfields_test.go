// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"iter"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// first picks the first server.
type first struct{}

func (*first) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

// open opens a backend with these servers.
func open(t *testing.T, name string, servers ...pool.ServerConfig) *pool.Pool {
	t.Helper()
	p, err := balancer.Registry().Open(pool.Config{Backend: name, Policy: new(first), Servers: servers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Activate()
	return p
}

func written(write func(*bufio.Writer, iter.Seq[Row]), rows iter.Seq[Row]) string {
	var b strings.Builder
	w := bufio.NewWriter(&b)
	write(w, rows)
	_ = w.Flush()
	return b.String()
}

// Each description is one of a field.
func TestDescriptions(t *testing.T) {
	described := make(map[string]bool)
	for i := range StatFields {
		described[StatFields[i].Name] = true
	}
	for name := range statDescriptions {
		if !described[name] {
			t.Errorf("show stat has no field %q", name)
		}
	}
	for _, f := range Info() {
		described["info "+f.Name] = true
	}
	for name := range infoDescriptions {
		if !described["info "+name] {
			t.Errorf("show info has no field %q", name)
		}
	}
}

// The schema describes the JSON, and nothing else.
func TestSchema(t *testing.T) {
	open(t, "schema", pool.ServerConfig{Name: "s1", Address: "192.0.2.1:443", Weight: 1})
	parsed := func(text string) any {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	text := func(write func(*bufio.Writer)) string {
		return written(func(w *bufio.Writer, _ iter.Seq[Row]) { write(w) }, nil)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", parsed(text(WriteSchema))); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	stat, info := written(WriteJSON, Stat(Query{Kinds: All, ID: -1, Addresses: true})), text(WriteInfoJSON)
	for _, valid := range []string{stat, info} {
		if err := schema.Validate(parsed(valid)); err != nil {
			t.Error(err)
		}
	}
	for _, invalid := range []string{"{}", "1", strings.Replace(stat, `"pos"`, `"position"`, 1), strings.Replace(info, `"Product"`, `"Thing"`, 1), strings.Replace(stat, `"u32"`, `"str"`, 1)} {
		if schema.Validate(parsed(invalid)) == nil {
			t.Errorf("%.100s is valid", invalid)
		}
	}
}

// The CSV has a cell for each name, and the three forms have the same values.
func TestForms(t *testing.T) {
	p := open(t, "forms", pool.ServerConfig{Name: `a,"b`, Address: "192.0.2.1:443", Weight: 4, MaxConn: 9},
		pool.ServerConfig{Name: "s2", Address: "192.0.2.2:443", Weight: 1, Backup: true, Disabled: true})
	lease, err := p.Acquire(t.Context(), new(pool.Request))
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release(pool.Served)
	id, ok := ProxyIDs()["forms"]
	if !ok {
		t.Fatal("the backend has no number")
	}
	rows := Stat(Query{Proxy: id, Kinds: All, ID: -1, Addresses: true})
	cells, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(written(WriteCSV, rows), "# "))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(cells) != 4 {
		t.Fatalf("%d lines, want 4", len(cells))
	}
	got := make(map[string]string)
	for i, name := range cells[0] {
		got[name] = cells[1][i]
	}
	for name, want := range map[string]string{
		"svname": `a,"b`, "scur": "1", "slim": "9", "weight": "4", "act": "1", "bck": "0", "status": "no check", "type": "2",
		"addr": "192.0.2.1:443", "lbtot": "1", "sid": "1", "chkfail": "", "-": "-", "ssl_sess": "0", "h1_bytes_in": "",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	if state := cells[2][17]; state != "MAINT" {
		t.Errorf("status: got %q, want MAINT", state)
	}
	typed := written(func(w *bufio.Writer, rows iter.Seq[Row]) { WriteTyped(w, rows, false) }, rows)
	if want := "\n\nS."; !strings.Contains(typed, want) || !strings.Contains(typed, ".4.scur.1:MGP:u32:1\n") {
		t.Errorf("typed: %s", typed)
	}
	var lists [][]struct {
		ObjType string
		Field   struct{ Name string }
		Value   struct{ Value any }
	}
	if err := json.Unmarshal([]byte(written(WriteJSON, rows)), &lists); err != nil {
		t.Fatal(err)
	}
	for i, list := range lists {
		if n := strings.Count(strings.Split(typed, "\n\n")[i], "\n"); len(list) != n+1 {
			t.Errorf("%d fields, want %d", len(list), n+1)
		}
	}
}

func TestQuery(t *testing.T) {
	open(t, "query", pool.ServerConfig{Name: "s1", Address: "192.0.2.1:443", Weight: 1},
		pool.ServerConfig{Name: "s2", Address: "192.0.2.2:443", Weight: 1, Disabled: true})
	id := ProxyIDs()["query"]
	for _, test := range []struct {
		query Query
		want  string
	}{
		{Query{Proxy: id, Kinds: All, ID: -1}, "s1 s2 BACKEND"},
		{Query{Proxy: id, Kinds: 4, ID: -1}, "s1 s2"},
		{Query{Proxy: id, Kinds: 4, ID: 2}, "s2"},
		{Query{Proxy: id, Kinds: 2, ID: 0}, "BACKEND"},
		{Query{Proxy: id, Kinds: All, ID: -1, NoMaint: true}, "s1 BACKEND"},
		{Query{Proxy: id, Kinds: All, ID: -1, Up: true}, "s1 BACKEND"},
		{Query{Proxy: 9999, Kinds: All, ID: -1}, ""},
		{Query{Proxy: id, ID: -1}, ""},
	} {
		var names []string
		for r := range Stat(test.query) {
			names = append(names, r.Values[1].Text)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%+v: got %s, want %s", test.query, got, test.want)
		}
	}
}

// The words are those of HAProxy.
func TestServerState(t *testing.T) {
	check, agent := &pool.Check{Rise: 2, Fall: 3}, &pool.AgentCheck{}
	status := func(change func(*pool.ServerStatus)) *pool.ServerStatus {
		s := &pool.ServerStatus{Counter: 3, Of: 3, Weight: 1}
		s.ServerConfig.Check = check
		change(s)
		return s
	}
	for want, s := range map[string]*pool.ServerStatus{
		"UP":       status(func(*pool.ServerStatus) {}),
		"UP 2/3":   status(func(s *pool.ServerStatus) { s.Counter = 2 }),
		"DOWN":     status(func(s *pool.ServerStatus) { s.Down, s.Counter, s.Of = true, 0, 2 }),
		"DOWN 1/2": status(func(s *pool.ServerStatus) { s.Down, s.Counter, s.Of = true, 1, 2 }),
		"DOWN (agent)": status(func(s *pool.ServerStatus) {
			s.Down, s.ServerConfig.Agent, s.Agent.Code = true, agent, pool.Layer7Status
		}),
		"DRAIN":     status(func(s *pool.ServerStatus) { s.Admin = pool.Drain }),
		"DRAIN 1/3": status(func(s *pool.ServerStatus) { s.Admin, s.Counter = pool.Drain, 1 }),
		"MAINT":     status(func(s *pool.ServerStatus) { s.Admin = pool.Maint }),
		"no check":  status(func(s *pool.ServerStatus) { s.ServerConfig.Check = nil }),
	} {
		if got := ServerState(s, s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestInfo(t *testing.T) {
	byName := make(map[string]Value)
	for i, f := range Info() {
		if f.Pos < i || f.Value.Type == "" {
			t.Errorf("%+v", f)
		}
		byName[f.Name] = f.Value
	}
	for name, want := range map[string]Value{"Name": text("caddy-passthrough"), "Process_num": small(1), "Stopping": small(0)} {
		if byName[name] != want {
			t.Errorf("%s: got %v, want %v", name, byName[name], want)
		}
	}
	if got := uptime(93784e9); got != "1d 2h03m04s" {
		t.Errorf("got %q", got)
	}
}
