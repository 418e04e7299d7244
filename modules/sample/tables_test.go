// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// someTables are tables by name, and entries by counter.
type someTables struct {
	tables  map[string]*tables.Table
	tracked map[int]tables.Ref
}

func (s *someTables) Table(name string) *tables.Table { return s.tables[name] }
func (s *someTables) Tracked(counter int) tables.Ref  { return s.tracked[counter] }

func store(t testing.TB, words ...string) (all []tables.Store) {
	t.Helper()
	for _, word := range words {
		s, err := tables.ParseStore(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func TestKey(t *testing.T) {
	addr := func(s string) Value { return Address(netip.MustParseAddr(s)) }
	for _, c := range []struct {
		of   Value
		as   tables.Type
		want string // hexadecimal; "-": none
	}{
		{addr("192.0.2.1"), tables.IP, "c0000201"},
		{addr("::ffff:192.0.2.1"), tables.IP, "c0000201"},
		{addr("2001:db8::1"), tables.IP, "-"},
		{Text("192.0.2.1"), tables.IP, "c0000201"},
		{Text("example"), tables.IP, "-"},
		{Integer(0xc0000201), tables.IP, "c0000201"},
		{Binary([]byte{1, 2, 3, 4}), tables.IP, "-"},
		{addr("192.0.2.1"), tables.IPv6, "00000000000000000000ffffc0000201"},
		{addr("2001:db8::1"), tables.IPv6, "20010db8000000000000000000000001"},
		{Text("192.0.2.1"), tables.IPv6, "-"},
		{Integer(77), tables.Integer, "0000004d"},
		{Integer(1<<32 + 77), tables.Integer, "0000004d"},
		{Integer(-1), tables.Integer, "ffffffff"},
		{Text("77x"), tables.Integer, "0000004d"},
		{Text(""), tables.Integer, "-"},
		{addr("192.0.2.1"), tables.Integer, "c0000201"},
		{addr("2001:db8::1"), tables.Integer, "-"},
		{Boolean(true), tables.Integer, "00000001"},
		{Text("abc"), tables.String, "616263"},
		{Integer(7), tables.String, "37"},
		{Binary([]byte{'a', 0, 'b'}), tables.String, "61"},
		{Binary([]byte{1, 0}), tables.Binary, "0100"},
		{Text("ab"), tables.Binary, "6162"},
		{Value{}, tables.String, "-"},
	} {
		key, ok := c.of.Key(tables.Config{Type: c.as})
		got := "-"
		if ok {
			got = hex.EncodeToString(key)
		}
		if got != c.want {
			t.Errorf("%v (%d) as %v: %s, want %s", c.of, c.of.Kind(), c.as, got, c.want)
		}
	}
}

// counted returns an input of a client with tables: "" and own are the same, in which the counter 0
// tracks the client; the counter 1 tracks another client.
func counted(t testing.TB) *Input {
	t.Helper()
	own := tables.New(tables.Config{Size: 10, Expire: time.Minute, Store: store(t, "conn_cnt", "conn_cur", "conn_rate(10s)", "sess_cnt", "bytes_in_cnt", "gpc0", "gpc0_rate(10s)", "gpt(2)", "http_req_cnt", "server_id")})
	other := tables.New(tables.Config{Size: 5, Store: store(t, "gpc(3)", "gpc_rate(3,10s)")})
	key := []byte{192, 0, 2, 1}
	ref, _ := own.Track(key)
	second, _ := own.Track([]byte{192, 0, 2, 2})
	ref.Do(func(row tables.Row) {
		row.Add(tables.ConnCount, 0, 7)
		row.Add(tables.ConnCurrent, 0, 2)
		row.Add(tables.ConnRate, 0, 3)
		row.Add(tables.BytesIn, 0, 5000)
		row.Add(tables.GPC0, 0, 4)
		row.Add(tables.GPC0Rate, 0, 4)
		row.Set(tables.GPT, 1, 9)
	})
	other.Update(key, func(row tables.Row) { row.Add(tables.GPC, 1, 6) })
	return &Input{
		Final: true, Source: netip.MustParseAddrPort("192.0.2.1:50000"),
		Tables: &someTables{map[string]*tables.Table{"": own, "own": own, "other": other}, map[int]tables.Ref{0: ref, 1: second}},
	}
}

func TestCounters(t *testing.T) {
	for text, want := range map[string]string{
		"sc0_conn_cnt": "7", "sc_conn_cnt(0)": "7", "src_conn_cnt": "7", "src_conn_cnt(own)": "7", "sc_conn_cnt(0,own)": "7",
		"sc0_conn_cur": "2", "sc0_conn_rate": "3", "sc0_sess_cnt": "0", "sc0_kbytes_in": "4", "sc0_get_gpc0": "4", "sc0_gpc0_rate": "4",
		"sc0_http_req_cnt": "0", "sc1_conn_cnt": "0", "sc_get_gpt(1,0)": "9", "sc0_get_gpt0": "0", "sc_get_gpt(2,0)": "-", "src_get_gpt(1,)": "9",
		// Not stored, not tracked, no entry, no table.
		"sc0_glitch_cnt": "-", "sc0_get_gpc1": "-", "sc2_conn_cnt": "-", "sc_conn_cnt(5)": "-", "sc_conn_cnt(-1)": "-", "src_conn_cnt(none)": "-",
		"sc1_get_gpc0(other)": "0", "sc0_get_gpc1(other)": "6", "sc_get_gpc(1,0,other)": "6", "src_get_gpc(1,other)": "6", "sc2_get_gpc0(other)": "-",
		"sc0_conn_cnt(other)": "-", "src_gpc_rate(0,other)": "0",
		// Fetches that count.
		"sc0_inc_gpc0": "5", "src_inc_gpc0": "5", "sc0_clr_gpc0": "4", "src_clr_gpc0": "4", "sc_inc_gpc(1,0,other)": "7", "src_inc_gpc(0,other)": "1",
		"sc_clr_gpc(1,0,other)": "6", "sc1_inc_gpc0(other)": "0", "src_updt_conn_cnt": "8", "src_clr_gpc1": "-",
		"sc0_tracked": "1", "sc2_tracked": "0", "sc_tracked(1)": "1", "sc0_trackers": "1", "sc2_trackers": "-",
		"sc0_key": "192.0.2.1", "sc_key(1)": "192.0.2.2", "sc2_key": "-",
		"table_cnt": "2", "table_avl": "8", "table_cnt(other)": "1", "table_avl(none)": "-",
		"src,in_table(own)": "1", "src,in_table(other)": "1", "str(192.0.2.9),in_table()": "0", "str(x),in_table(own)": "0", "str(x),table_conn_cnt(own)": "0", "str(x),table_idle(own,3)": "3", "src,in_table(none)": "-",
		"src,table_conn_cnt(own)": "7", "str(192.0.2.2),table_conn_cnt()": "0", "str(192.0.2.9),table_conn_cnt(own)": "0", "src,table_gpc1(own)": "-",
		"src,table_gpc(1,other)": "6", "src,table_gpt(1,own)": "9", "src,table_gpc0(other)": "0", "src,table_trackers(own)": "1", "str(192.0.2.9),table_trackers(own)": "0",
		"str(192.0.2.9),table_expire(own)": "-", "str(192.0.2.9),table_expire(own,5)": "5", "src,table_idle(own),div(1000)": "0", "src,table_expire(own),add(999),div(1000)": "60",
		"src,table_expire(other)": "0", "src,table_inc_gpc0(own)": "5", "src,table_clr_gpc0(own)": "4", "str(192.0.2.9),table_inc_gpc(2,other)": "1",
		"src,table_server_id(own)": "0", "str(192.0.2.9),table_server_id(own)": "0", "src,table_server_id(other)": "-",
	} {
		e, in := mustExpression(t, new(Loader), text), counted(t)
		eval := func() string {
			v, verdict := e.Eval(in)
			if verdict != Pass {
				return "-"
			}
			return v.String()
		}
		in.Trace = new(Trace)
		traced := [2]string{eval(), eval()}
		in.Trace = nil
		if got := eval(); got != want || traced != [2]string{want, want} {
			t.Errorf("%s: with a trace %s, then %s, want %s", text, traced, got, want)
		}
	}
}

// A server is stored by its name, and found by the number of that name in the backend.
func TestTableServerID(t *testing.T) {
	in := counted(t)
	in.Tables.Tracked(0).Do(func(row tables.Row) { row.SetServer("s1") })
	state := new(echo)
	in.State = state
	v, _ := mustExpression(t, new(Loader), "src,table_server_id(own)").Eval(in)
	if v.Int() != 7 || !slices.Equal(state.asked, []Question{{Fetch: "srv_id", About: ObjectServer, Proxy: "own", Server: "s1"}}) {
		t.Errorf("%v, %v", v, state.asked)
	}
}

// Entries that are not tracked are neither created nor kept by looking at them; fetches that count
// create that of the client.
func TestCountersCreate(t *testing.T) {
	in := counted(t)
	in.Source = netip.MustParseAddrPort("192.0.2.7:50000")
	own := in.Tables.Table("own")
	for _, text := range []string{"src_conn_cnt", "src,in_table(own)", "src,table_conn_cnt(own)"} {
		if mustExpression(t, new(Loader), text).Eval(in); own.Len() != 2 {
			t.Errorf("%s created an entry", text)
		}
	}
	for _, text := range []string{"src_inc_gpc0", "str(192.0.2.8),table_inc_gpc0(own)", "str(192.0.2.9),table_clr_gpc0(own)"} {
		before := own.Len()
		if mustExpression(t, new(Loader), text).Eval(in); own.Len() != before+1 {
			t.Errorf("%s created no entry", text)
		}
	}
}

func TestTableQuestions(t *testing.T) {
	for text, want := range map[string][]Question{
		"sc0_tracked":               nil,
		"sc_get_gpt(2,1)":           {{Fetch: "sc_get_gpt", About: ObjectEntry, Counter: 1, Value: EntryValue{Data: tables.GPT, Index: 2, Is: true}}},
		"sc2_inc_gpc0":              {{Fetch: "sc2_inc_gpc0", About: ObjectEntry, Counter: 2, Value: EntryValue{Data: tables.GPC0, Is: true}}},
		"sc0_conn_cnt":              {{Fetch: "sc0_conn_cnt", About: ObjectEntry, Value: EntryValue{Data: tables.ConnCount, Is: true}}},
		"sc0_conn_cnt(t)":           {{Fetch: "sc0_conn_cnt", About: ObjectTable, Proxy: "t", Value: EntryValue{Data: tables.ConnCount, Is: true}}},
		"sc_get_gpc(1,0,t)":         {{Fetch: "sc_get_gpc", About: ObjectTable, Proxy: "t", Value: EntryValue{Data: tables.GPC, Index: 1, Is: true}}},
		"src_conn_cnt":              {{Fetch: "src_conn_cnt", About: ObjectTable, Value: EntryValue{Data: tables.ConnCount, Is: true}}},
		"src_get_gpc(1,t)":          {{Fetch: "src_get_gpc", About: ObjectTable, Proxy: "t", Value: EntryValue{Data: tables.GPC, Index: 1, Is: true}}},
		"table_cnt(t)":              {{Fetch: "table_cnt", About: ObjectTable, Proxy: "t"}},
		"src,in_table(t)":           {{Fetch: "in_table", About: ObjectTable, Proxy: "t"}},
		"src,table_gpc(1,t),add(1)": {{Fetch: "table_gpc", About: ObjectTable, Proxy: "t", Value: EntryValue{Data: tables.GPC, Index: 1, Is: true}}},
		"src_updt_conn_cnt(p/t)":    {{Fetch: "src_updt_conn_cnt", About: ObjectTable, Proxy: "p/t"}},
	} {
		if got := mustExpression(t, new(Loader), text).Questions(); !slices.Equal(got, want) {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestChanges(t *testing.T) {
	for text, want := range map[string]bool{
		"sc0_get_gpc0": false, "src_conn_cnt": false, "src,table_gpc0(t)": false, "sc0_tracked": false,
		"sc0_inc_gpc0": true, "sc_inc_gpc(0,0)": true, "src_clr_gpc0": true, "src,table_inc_gpc0(t)": true, "src_updt_conn_cnt": true, "src_inc_gpc(0,t),add(1)": true,
	} {
		e := mustExpression(t, new(Loader), text)
		acl := mustLoad(t, []string{text, "-m", "found"})
		f, err := new(Loader).Format("a%[" + text + "]")
		if err != nil {
			t.Fatal(err)
		}
		if e.Changes() != want || acl.Changes() != want || f.Changes() != want {
			t.Errorf("%s: %t, %t, %t", text, e.Changes(), acl.Changes(), f.Changes())
		}
	}
}
