// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// counters is a Tracker with two tables, "" and names, and counters of one kind.
type counters struct {
	tables  map[string]*tables.Table
	tracked map[int]tables.Ref
}

func newCounters(t testing.TB) *counters {
	t.Helper()
	var stored []tables.Store
	for _, word := range []string{"gpc(3)", "gpc_rate(3,1m)", "gpt(2)"} {
		s, err := tables.ParseStore(word)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, s)
	}
	return &counters{
		map[string]*tables.Table{
			"":      tables.New(tables.Config{Size: 10, Store: stored}),
			"names": tables.New(tables.Config{Type: tables.String, Size: 10, Store: stored}),
		},
		make(map[int]tables.Ref),
	}
}

func (c *counters) Table(name string) *tables.Table { return c.tables[name] }
func (c *counters) Tracked(counter int) tables.Ref  { return c.tracked[counter] }
func (c *counters) Track(counter int, t *tables.Table, key []byte) {
	if ref, ok := t.Track(key); ok {
		c.tracked[counter] = ref
	}
}

// gpcs returns the general counters and tags of the entry that a counter tracks, and its key.
func (c *counters) read(counter int) (key string, gpc [3]int64, gpt [2]int64) {
	c.tracked[counter].Do(func(row tables.Row) {
		key = string(row.Key())
		for i := range gpc {
			gpc[i], _ = row.Get(tables.GPC, i)
		}
		for i := range gpt {
			gpt[i], _ = row.Get(tables.GPT, i)
		}
	})
	return key, gpc, gpt
}

func trackingView(t testing.TB, sent string, final bool) (*View, *counters) {
	v, _ := look(t, sent, final)
	c := newCounters(t)
	v.Source, v.Tables, v.Tracker = netip.MustParseAddrPort("192.0.2.1:50000"), c, c
	return v, c
}

func TestTracking(t *testing.T) {
	const trackSrc = `{"action": "track", "key": "src"},`
	for _, c := range []struct {
		name, rules string
		gpc         [3]int64
		gpt         [2]int64
	}{
		{"tracked", trackSrc, [3]int64{}, [2]int64{}},
		{"counted", trackSrc + `{"action": "sc_inc_gpc0"}, {"action": "sc_inc_gpc1"}, {"action": "sc_inc_gpc", "index": 1}`, [3]int64{1, 2, 0}, [2]int64{}},
		{"added", trackSrc + `{"action": "sc_add_gpc", "index": 2, "value": "5"}, {"action": "sc_add_gpc", "index": 2, "value": "src_port,sub(49990)"}`, [3]int64{0, 0, 15}, [2]int64{}},
		{"set", trackSrc + `{"action": "sc_set_gpt0", "value": "3"}, {"action": "sc_set_gpt", "index": 1, "value": "src_port"}`, [3]int64{}, [2]int64{3, 50000}},
		{"without a value", trackSrc + `{"action": "sc_set_gpt0", "value": "var(txn.none)"}, {"action": "sc_add_gpc", "value": "req.ssl_sni"}`, [3]int64{}, [2]int64{}},
		{"before", `{"action": "sc_inc_gpc0"},` + trackSrc, [3]int64{}, [2]int64{}},
		{"of another counter", trackSrc + `{"action": "sc_inc_gpc0", "counter": 1}`, [3]int64{}, [2]int64{}},
		{"beyond the array", trackSrc + `{"action": "sc_inc_gpc", "index": 3}`, [3]int64{}, [2]int64{}},
		{"unless", trackSrc + `{"action": "sc_inc_gpc0", "unless": [{"acl": [{"any": [{"fetch": "src", "values": ["192.0.2.1"]}]}]}]}`, [3]int64{}, [2]int64{}},
	} {
		v, tracker := trackingView(t, "", true)
		if action, _, err := loadRules(t, strings.TrimSuffix(c.rules, ",")).Decide(v); action != Accept || err != nil {
			t.Errorf("%s: %v, %v", c.name, action, err)
		}
		if key, gpc, gpt := tracker.read(0); key != "\xc0\x00\x02\x01" || gpc != c.gpc || gpt != c.gpt {
			t.Errorf("%s: %q, %v, %v", c.name, key, gpc, gpt)
		}
	}
}

// The first rule whose key has a value decides what a counter tracks, and rules that are tried
// again do not track again.
func TestTrackOnce(t *testing.T) {
	const ruleset = `{"action": "track", "key": "var(txn.none)"}, {"action": "track", "key": "src"}, {"action": "track", "key": "src,ipmask(8)"}`
	v, tracker := trackingView(t, "", false)
	for range 2 {
		if _, _, err := loadRules(t, ruleset).Decide(v); err != nil {
			t.Fatal(err)
		}
	}
	uses := 0
	tracker.tracked[0].Do(func(row tables.Row) { uses = row.Uses() })
	if key, _, _ := tracker.read(0); key != "\xc0\x00\x02\x01" || uses != 1 || tracker.tables[""].Len() != 1 {
		t.Errorf("%q, %d uses", key, uses)
	}
}

// A rule waits for the bytes of its key.
func TestTrackWaits(t *testing.T) {
	hello := string(hellotest.Hello(t, "a.example.test"))
	const ruleset = `{"action": "track", "key": "req.ssl_sni", "table": "names"}, {"action": "close"}`
	for _, c := range []struct {
		sent  string
		final bool
		want  Action
		key   string
	}{
		{"", false, Wait, ""},
		{hello[:60], false, Wait, ""},
		{hello, false, Close, "a.example.test"},
		{hello[:60], true, Close, ""},
		{"SSH-", false, Close, ""},
	} {
		v, tracker := trackingView(t, c.sent, c.final)
		rules := loadRules(t, ruleset)
		action, _, err := rules.Decide(v)
		if key, _, _ := tracker.read(0); action != c.want || err != nil || key != c.key {
			t.Errorf("%d bytes: %v, %v, %q", len(c.sent), action, err, key)
		}
		if !rules.NeedsRequest() {
			t.Error("the rules do not say that they need bytes")
		}
	}
}

// Rules before one that waits for its key are not tried again, and neither is its condition.
func TestTrackResumes(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	rules := loadRules(t, `{"action": "track", "key": "src"}, {"action": "sc_inc_gpc0"}, {"action": "track", "counter": 1, "key": "req.ssl_sni", "table": "names", "match": [{"acl": [{"any": [{"fetch": "sc0_inc_gpc1", "values": ["1"]}]}]}]}, {"action": "sc_inc_gpc", "index": 2}`)
	v, tracker := trackingView(t, string(hello[:60]), false)
	for _, want := range []Action{Wait, Wait, Accept} {
		if action, _, err := rules.Decide(v); action != want || err != nil {
			t.Fatalf("%v, %v", action, err)
		}
		if want != Wait {
			break
		}
		if v.Resume != 3 {
			t.Errorf("it goes on at %d", v.Resume)
		}
		if _, gpc, _ := tracker.read(0); gpc != [3]int64{1, 1, 0} {
			t.Errorf("%v", gpc)
		}
		if v.Hello.Outcome() == clienthello.Pending && len(v.Hello.Bytes()) > 60 {
			v.Hello.Feed(hello[61:])
		} else {
			v.Hello.Feed(hello[60:61])
		}
	}
	if key, _, _ := tracker.read(1); key != "a.example.test" || v.Resume != 0 {
		t.Errorf("%q, goes on at %d", key, v.Resume)
	}
	if _, gpc, _ := tracker.read(0); gpc != [3]int64{1, 1, 1} {
		t.Errorf("%v", gpc)
	}
}

// Without tables, nothing is tracked, and a table that does not exist has no entries.
func TestTrackNowhere(t *testing.T) {
	v, tracker := trackingView(t, "", true)
	rules := loadRules(t, `{"action": "track", "key": "src", "table": "none"}, {"action": "sc_inc_gpc0"}`)
	if action, _, err := rules.Decide(v); action != Accept || err != nil || len(tracker.tracked) != 0 {
		t.Errorf("%v, %v, %v", action, err, tracker.tracked)
	}
	v.Tables, v.Tracker = nil, nil
	if action, _, err := rules.Decide(v); action != Accept || err != nil {
		t.Errorf("%v, %v", action, err)
	}
	questions := rules.Rules[0].Questions()
	if len(questions) != 1 || questions[0] != (sample.Question{Fetch: "track", About: sample.ObjectTable, Proxy: "none"}) {
		t.Errorf("%v", questions)
	}
}

func TestCounts(t *testing.T) {
	for rules, want := range map[string]bool{
		`{"action": "track", "key": "src"}, {"action": "sc_set_gpt0", "value": "1"}`: false,
		`{"action": "sc_inc_gpc0"}`: true, `{"action": "sc_add_gpc", "value": "1"}`: true,
		`{"action": "close", "match": [{"acl": [{"any": [{"fetch": "src_inc_gpc0", "values": ["3"]}]}]}]}`: true,
		`{"action": "set_var", "var": "sess.a", "value": "sc0_inc_gpc0"}`:                                  true,
	} {
		if got := loadRules(t, rules).Counts(); got != want {
			t.Errorf("%s: %t", rules, got)
		}
	}
}

func TestKeyOf(t *testing.T) {
	for key, want := range map[string]bool{"src": true, "req.payload(0,4)": false, "str(a)": true} {
		r := loadRules(t, `{"action": "track", "key": "`+key+`"}`).Rules[0]
		if got := r.KeyOf(tables.Config{Type: tables.IP}); got != want {
			t.Errorf("%s: %t", key, got)
		}
	}
}

func TestTrackingMistakes(t *testing.T) {
	for rule, want := range map[string]string{
		`{"action": "track"}`:                                                  "track has no key: expected an expression such as src",
		`{"action": "track", "key": "nothing"}`:                                "track: unknown fetch method 'nothing'",
		`{"action": "track", "key": "src", "counter": 100}`:                    "track: counter 100: expected a number from 0 to 99",
		`{"action": "track", "key": "src", "counter": -1}`:                     "track: counter -1",
		`{"action": "track", "key": "src", "index": 1}`:                        "action track has an index: expected none",
		`{"action": "track", "key": "src", "value": "1"}`:                      "action track has a value: expected none",
		`{"action": "track", "key": "src", "var": "sess.a"}`:                   "action track has a var: expected none",
		`{"action": "sc_inc_gpc0", "key": "src"}`:                              "action sc_inc_gpc0 has a key or a table: expected neither",
		`{"action": "sc_inc_gpc", "index": -1}`:                                "sc_inc_gpc: index -1: expected a number from 0 to 99",
		`{"action": "sc_set_gpt0"}`:                                            "sc_set_gpt0 has no value: expected a number, or an expression",
		`{"action": "sc_set_gpt", "value": "nothing"}`:                         "sc_set_gpt: unknown fetch method 'nothing'",
		`{"action": "accept", "counter": 1}`:                                   "action accept has a counter, an index, a key or a table: expected none",
		`{"action": "set_var", "var": "sess.a", "value": "src", "table": "t"}`: "action set_var has a counter, an index, a key or a table",
	} {
		if _, err := load(t, `{"rules": [`+rule+`]}`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", rule, err, want)
		}
	}
}
