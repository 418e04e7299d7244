// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// provisioned returns stickiness from JSON, with the tables that it uses.
func provisioned(t *testing.T, config string, all map[string]*Table) (*Backend, error) {
	t.Helper()
	b := new(Backend)
	if err := json.Unmarshal([]byte(config), b); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	if err := b.Provision(ctx); err != nil {
		return nil, err
	}
	if all == nil {
		all = make(map[string]*Table)
	}
	if own := b.OwnTable(); own != nil && all["own"] == nil {
		all["own"] = own
	}
	registry := new(Registry)
	for name, table := range all {
		if err := table.Open(registry, name); err != nil {
			return nil, err
		}
		t.Cleanup(table.Close)
	}
	return b, b.Bind("own", all)
}

// visitor returns the rules' view of a client that asks for a server name.
func visitor(t *testing.T, source, name string) *rules.View {
	t.Helper()
	hello := clienthello.NewInspection(0)
	t.Cleanup(hello.Release)
	if name != "" {
		hello.Feed(hellotest.Hello(t, name))
	}
	return &rules.View{Input: sample.Input{Source: netip.AddrPortFrom(netip.MustParseAddr(source), 50000), Hello: hello, Final: true}}
}

// visit returns the server that a connection is sent to, and stores the one that it gets.
func visit(t *testing.T, b *Backend, v *rules.View, gets string) (server string) {
	t.Helper()
	p := new(Pending)
	server, err := b.Request(v, "", p, func(stored string, _ bool) string { return stored })
	if err != nil {
		t.Fatal(err)
	}
	if server != "" {
		gets = server
	}
	p.Store(gets, "")
	return server
}

func TestOn(t *testing.T) {
	b, err := provisioned(t, `{"rules": [{"action": "on", "key": "src"}]}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ from, gets, want string }{
		{"192.0.2.1", "s1", ""}, {"192.0.2.1", "s2", "s1"}, {"2001:db8::1", "s2", ""}, {"2001:db8::1", "s1", "s2"}, {"192.0.2.1", "s2", "s1"},
	} {
		if got := visit(t, b, visitor(t, c.from, ""), c.gets); got != c.want {
			t.Errorf("visit %d from %s: %q, want %q", i+1, c.from, got, c.want)
		}
	}
}

func TestFirstRuleDecides(t *testing.T) {
	b, err := provisioned(t, `{"rules": [{"action": "match", "key": "src", "table": "clients"}, {"action": "on", "key": "req.ssl_sni,lower"}, {"action": "store_request", "key": "src", "table": "clients"}, {"action": "on", "key": "src", "table": "clients"}]}`,
		map[string]*Table{"clients": {Type: "ip"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ from, name, gets, want string }{
		{"192.0.2.1", "a.example", "s1", ""}, {"192.0.2.2", "A.example", "s2", "s1"}, {"192.0.2.3", "b.example", "s3", ""}, {"192.0.2.3", "a.example", "s2", "s3"}, {"192.0.2.4", "a.example", "s2", "s3"},
	} {
		if got := visit(t, b, visitor(t, c.from, c.name), c.gets); got != c.want {
			t.Errorf("visit %d from %s for %s: %q, want %q", i+1, c.from, c.name, got, c.want)
		}
	}
}

func TestAssignedStays(t *testing.T) {
	b, err := provisioned(t, `{"rules": [{"action": "on", "key": "src"}]}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := visitor(t, "192.0.2.1", "")
	visit(t, b, v, "s1")
	p := new(Pending)
	if server, err := b.Request(v, "s2", p, func(string, bool) string { t.Error("the entry is asked for"); return "" }); server != "s2" || err != nil {
		t.Errorf("%q, %v", server, err)
	}
	p.Store("s2", "")
	if got := visit(t, b, v, ""); got != "s2" {
		t.Errorf("%q", got)
	}
}

func TestEightStores(t *testing.T) {
	all := make(map[string]*Table)
	var list []string
	for name := range strings.SplitSeq("abcdefghi", "") {
		all[name] = &Table{Type: "ip"}
		list = append(list, `{"action": "store_request", "key": "src", "table": "`+name+`"}`)
	}
	b, err := provisioned(t, `{"rules": [`+strings.Join(list, ",")+`]}`, all)
	if err != nil {
		t.Fatal(err)
	}
	visit(t, b, visitor(t, "192.0.2.1", ""), "s1")
	for name, table := range all {
		if got, want := table.Table().Len(), 1; got != want && name != "i" || name == "i" && got != 0 {
			t.Errorf("table %s has %d entries", name, got)
		}
	}
}

func TestServerSession(t *testing.T) {
	b, err := provisioned(t, `{"rules": [{"action": "match", "key": "session_id"}, {"action": "store_response", "key": "session_id"}]}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := append(append([]byte{3, 3}, make([]byte, 32)...), "\x07session\xc0\x2f\x00"...)
	hello := hellotest.Record(22, hellotest.Handshake(2, body))
	p, v := new(Pending), &rules.View{}
	p.stores, p.keys, p.requests = []store{{table: b.Rules[0].table.Table(), end: 3}}, []byte("abc"), 1
	v.Response = hello[:20]
	if waits, err := b.Response(v, p); !waits || err != nil || len(p.stores) != 1 || string(p.keys) != "abc" {
		t.Errorf("%v, %v, %+v", waits, err, p)
	}
	v.Response = hello
	if waits, err := b.Response(v, p); waits || err != nil || len(p.stores) != 2 || string(p.keys) != "abcsession" {
		t.Errorf("%v, %v, %+v", waits, err, p)
	}
	p.Store("s1", "")
	if server := lookUp(new(rules.View), b.Rules[0].table.Table(), []byte("session")); server != "s1" || !p.Empty() {
		t.Errorf("%q, %+v", server, p)
	}
}

func TestOwnTable(t *testing.T) {
	for config, want := range map[string]string{
		`{"rules": [{"action": "on", "key": "src"}]}`:                                                    "ipv6 0",
		`{"rules": [{"action": "on", "key": "dst_port"}]}`:                                               "integer 0",
		`{"rules": [{"action": "on", "key": "req.payload(0,8)"}]}`:                                       "binary 0",
		`{"rules": [{"action": "on", "key": "req.ssl_sni"}]}`:                                            "string 255",
		`{"rules": [{"action": "on", "key": "{l4.client_hello.alpn}"}]}`:                                 "string 255",
		`{"rules": [{"action": "on", "key": "ja4"}]}`:                                                    "string 36",
		`{"rules": [{"action": "match", "key": "session_id"}]}`:                                          "binary 0",
		`{"rules": [{"action": "on", "key": "src"}], "table": {"type": "string", "length": 9}}`:          "string 9",
		`{"rules": [{"action": "on", "key": "req.ssl_sni"}], "table": {"length": 9}}`:                    "string 9",
		`{"rules": [{"action": "on", "key": "dst_port", "table": "x"}, {"action": "on", "key": "src"}]}`: "ipv6 0",
	} {
		b, err := provisioned(t, config, map[string]*Table{"x": {Type: "integer"}})
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		c, err := b.Table.Config()
		if got := c.Type.String(); err != nil || !strings.HasPrefix(want, got+" ") || !strings.HasSuffix(want, " "+string(caddyconfig.JSON(b.Table.Length, nil))) {
			t.Errorf("%s: %s %d, %v, want %s", config, got, b.Table.Length, err, want)
		}
	}
}

func TestStickMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{}`:                            "it has no rules",
		`{"rules": [{"action": "on"}]}`: "rule 1: key \"\": missing key",
		`{"rules": [{"action": "stay", "key": "src"}]}`:                                `rule 1: unknown action "stay"`,
		`{"rules": [null]}`:                                                            "rule 1: expected an object",
		`{"rules": [{"action": "on", "key": "scr"}]}`:                                  `unknown fetch method 'scr'`,
		`{"rules": [{"action": "on", "key": "res.len"}]}`:                              "expected it in store_response",
		`{"rules": [{"action": "store_response", "key": "req.ssl_sni"}]}`:              "expected it in store_request",
		`{"rules": [{"action": "on", "key": "{l4.client_hello.nsi}"}]}`:                "did you mean {l4.client_hello.sni}?",
		`{"rules": [{"action": "on", "key": "src", "table": "clinets"}]}`:              `stick table "clinets" is not defined; did you mean "clients"?`,
		`{"rules": [{"action": "on", "key": "req.payload(0,4)", "table": "clients"}]}`: `key "req.payload(0,4)" cannot be a key of stick table "clients", whose type is ip`,
		`{"rules": [{"action": "on", "key": "ja4", "table": "clients"}]}`:              `key "ja4" cannot be a key`,
		`{"rules": [{"action": "on", "key": "src"}], "table": {"server_key": "id"}}`:   "server_key",
	} {
		if _, err := provisioned(t, config, map[string]*Table{"clients": {Type: "ip"}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", config, err, want)
		}
	}
}

func TestStickCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"stick on src": `{"rules":[{"action":"on","key":"src"}]}`,
		"stick {\n on remote_ip table clients\n match sni\n store_request dst_port unless remote_ip 10.0.0.0/8\n store_response res.payload(0,4) table t acl res.len gt 3\n response_delay 2s\n size 1k\n expire 5m\n}": `{"table":{"size":1024,"expire":300000000000},"rules":[{"action":"on","key":"src","table":"clients"},{"action":"match","key":"req.ssl_sni,lower"},` +
			`{"action":"store_request","key":"dst_port","unless":[{"remote_ip":{"ranges":["10.0.0.0/8"]}}]},{"action":"store_response","key":"res.payload(0,4)","table":"t","match":[{"acl":[{"any":[{"fetch":"res.len","values":["gt","3"]}]}]}]}],"response_delay":2000000000}`,
		"stick on session_id":                      `{"rules":[{"action":"match","key":"session_id"},{"action":"store_response","key":"session_id"}]}`,
		"stick {\n on src\n response_delay off\n}": `{"rules":[{"action":"on","key":"src"}],"response_delay":-1}`,
	} {
		d := caddyfile.NewTestDispenser(text)
		d.Next()
		b := new(Backend)
		if err := b.UnmarshalCaddyfile(d); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := string(caddyconfig.JSON(b, nil)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"stick":                                  "expected at least one rule, such as on src",
		"stick on":                               "on: expected a key",
		"stick on scr":                           "on scr: unknown fetch method 'scr'",
		"stick on src table":                     "expected the name of a table",
		"stick {\n on src\n response_delay 0\n}": `response_delay "0"`,
	} {
		d := caddyfile.NewTestDispenser(text)
		d.Next()
		if err := new(Backend).UnmarshalCaddyfile(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}
