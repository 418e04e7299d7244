// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

func init() { caddy.RegisterModule(new(fakeStore)) }

// fakeStore is a store whose entries are a map.
type fakeStore struct {
	Word string `json:"word,omitempty"`

	has    map[string]string // servers by keys
	log    []string
	closed int
}

func (*fakeStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "passthrough.stick_stores.fake", New: func() caddy.Module { return new(fakeStore) }}
}

func (s *fakeStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	d.Args(&s.Word)
	return nil
}

func (s *fakeStore) Share(name string, t *tables.Table) Share {
	s.log = append(s.log, "share "+name)
	return &fakeShare{s, t}
}

func (s *fakeStore) Equal(other Store) bool {
	o, ok := other.(*fakeStore)
	return ok && o.Word == s.Word
}

type fakeShare struct {
	*fakeStore

	table *tables.Table
}

func (s *fakeShare) Fetches(key []byte) bool { return s.has[string(key)] != "" }

func (s *fakeShare) Fetch(key []byte) {
	s.log = append(s.log, fmt.Sprintf("fetch %x", key))
	s.table.Update(key, func(r tables.Row) { r.SetServer(s.has[string(key)]) })
}

func (s *fakeShare) Forget(keys [][]byte) { s.log = append(s.log, fmt.Sprintf("forget %x", keys)) }

func (s *fakeShare) Status() ShareStatus { return ShareStatus{Store: "fake"} }

func (s *fakeShare) Close() { s.closed++ }

// A rule whose key the table lacks waits for the store, if it may.
func TestRuleFetches(t *testing.T) {
	table := &Table{Type: "ip", Expire: caddy.Duration(DefaultExpire)}
	b, err := provisioned(t, `{"rules": [{"action": "on", "key": "src", "table": "clients"}]}`, map[string]*Table{"clients": table})
	if err != nil {
		t.Fatal(err)
	}
	store := &fakeStore{has: map[string]string{"\xc0\x00\x02\x01": "s1"}}
	table.handle.store = store
	table.Activate()
	asIs := func(stored string, _ bool) string { return stored }
	p := new(Pending)
	if server, err := b.Request(visitor(t, "192.0.2.1", ""), "", p, asIs); err != nil || server != "" || !p.Waits() {
		t.Errorf("%q, %v, waits %v, where it may not wait", server, err, p.Waits())
	}
	p.Reset()
	v := visitor(t, "192.0.2.1", "")
	v.Trace = new(sample.Trace)
	if server, _ := b.Request(v, "", p, asIs); server != "" || p.Waits() {
		t.Errorf("%q, waits %v, for an imagined connection", server, p.Waits())
	}
	p.MayWait = true
	for range 2 {
		p.Reset()
		if server, _ := b.Request(visitor(t, "192.0.2.1", ""), "", p, asIs); server != "s1" || p.Waits() || p.Empty() {
			t.Errorf("%q, waits %v, nothing to store %v", server, p.Waits(), p.Empty())
		}
	}
	p.Reset()
	if server, _ := b.Request(visitor(t, "192.0.2.2", ""), "", p, asIs); server != "" {
		t.Errorf("%q for a key that the store lacks", server)
	}
	p.Reset()
	if server, _ := b.Request(visitor(t, "192.0.2.1", ""), "s3", p, asIs); server != "s3" {
		t.Errorf("%q instead of the assigned server", server)
	}
	if want := []string{"share clients", "fetch c0000201"}; !slices.Equal(store.log, want) {
		t.Errorf("%q, want %q", store.log, want)
	}
}

// A table goes on with its share over reloads unless the store or the table changes.
func TestShareOverReloads(t *testing.T) {
	var r Registry
	stores := []*fakeStore{{Word: "a"}, {Word: "a"}, {Word: "b"}, nil, {Word: "b"}, {Word: "b"}}
	sizes := []int{10, 10, 10, 10, 10, 20}
	wants := []string{"1 0", "0 0", "1 0", "", "1 0", "1 0"}
	var last *Handle
	for i, store := range stores {
		h := r.Open("t", config(tables.IP, sizes[i]))
		if store != nil {
			h.store = store
		}
		r.Open("t", config(tables.String, 5)).Close() // one that is refused
		h.Activate()
		if last != nil {
			last.Close()
		}
		last = h
		if store != nil && fmt.Sprint(len(store.log), " ", store.closed) != wants[i] {
			t.Errorf("configuration %d: %d shares, %d closed, want %s", i+1, len(store.log), store.closed, wants[i])
		}
		if shared := r.Share("t") != nil; shared != (store != nil) {
			t.Errorf("configuration %d: shared %v", i+1, shared)
		}
	}
	last.Close()
	for i, want := range []int{1, 0, 1, 0, 1, 1} {
		if stores[i] != nil && stores[i].closed != want {
			t.Errorf("store %d was closed %d times, want %d", i+1, stores[i].closed, want)
		}
	}
	if r.Share("t") != nil {
		t.Error("a table that is gone is shared")
	}
}

func TestClearForgets(t *testing.T) {
	table, store := newTable(t, tables.IP, 10, "gpc0"), new(fakeStore)
	if err := Set(table, "192.0.2.1", map[string]int64{"gpc0": 1}, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		Clear(table, Filter{}, &fakeShare{store, table})
	}
	if want := []string{"forget [c0000201]"}; !slices.Equal(store.log, want) {
		t.Errorf("%q, want %q", store.log, want)
	}
}

func TestStoreOption(t *testing.T) {
	table, err := parse(`stick_table {
		expire 1m
		store conn_cur
		store fake x
	}`)
	if err != nil || string(table.StoreInRaw) != `{"module":"fake","word":"x"}` || !slices.Equal(table.Store, []string{"conn_cur"}) {
		t.Errorf("%s, %s, %v", table.StoreInRaw, table.Store, err)
	}
	for text, want := range map[string]string{
		"stick_table {\n expire 1m\n store fake\n store fake\n}": "has a store already",
		"stick_table {\n store fake\n}":                          "needs expire",
		"stick_table {\n store fakes\n}":                         "unknown store option",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestLoadStore(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	table := &Table{StoreInRaw: json.RawMessage(`{"module": "fake", "word": "x"}`)}
	if err := table.LoadStore(ctx); err != nil || table.store.(*fakeStore).Word != "x" {
		t.Errorf("%+v, %v", table.store, err)
	}
	table = &Table{StoreInRaw: json.RawMessage(`{"module": "none"}`)}
	if err := table.LoadStore(ctx); err == nil || !strings.HasPrefix(err.Error(), "store_in: ") {
		t.Error(err)
	}
}
