// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// Rules may only track in tables that the configuration has, keys of the tables' types, by the
// counters that connections have.
func TestTrackingInNothing(t *testing.T) {
	track := func(more string) string { return `"connection": [{"action": "track", "key": "src"` + more + `}]` }
	asks := func(expression string) string {
		return `"content": {"rules": [{"action": "set_var", "var": "txn.x", "value": "` + expression + `"}]}`
	}
	for config, want := range map[string]string{
		track(""):                   "",
		track(`, "table": "names"`): "",
		`"content": {"rules": [{"action": "track", "key": "req.payload(0,4)"}]}`: `content: rule 1: track: key req.payload(0,4) cannot be one of stick table "f", whose type is ip`,
		track(`, "table": "g"`):                            `connection: rule 1: track: stick table "g" is not defined`,
		track(`, "table": "name"`):                         `stick table "name" is not defined; did you mean "names"?`,
		track(`, "counter": 2`):                            "",
		track(`, "counter": 3`):                            "connection: rule 1: track: counter 3: expected a number below 3; stick_counters changes it",
		asks("src_conn_cnt"):                               "",
		asks("src_conn_cnt(f)"):                            "",
		asks("src_conn_cnt(g)"):                            `content: rule 1: src_conn_cnt: stick table "g" is not defined`,
		asks("src,in_table(g)"):                            `content: rule 1: in_table: stick table "g" is not defined`,
		asks("sc0_conn_cnt(g)"):                            `content: rule 1: sc0_conn_cnt: stick table "g" is not defined`,
		asks("table_cnt(names)"):                           "",
		`"rules": [{"backend_format": "%[table_cnt(g)]"}]`: `rule 1: table_cnt: stick table "g" is not defined`,
		`"connection": [{"action": "close", "match": [{"not": [{"acl": [{"any": [{"fetch": "src_conn_cnt(f)", "values": ["1"]}]}]}]}]}]`: "",
		`"connection": [{"action": "close", "match": [{"not": [{"acl": [{"any": [{"fetch": "src_conn_cnt(g)", "values": ["1"]}]}]}]}]}]`: `connection: rule 1: src_conn_cnt: stick table "g" is not defined`,
	} {
		app, ctx := frontendtest.App(t, map[string]string{"b": `{"servers": [], "content": {"rules": [{"action": "track", "key": "src"}]}}`})
		for name, of := range map[string]string{"f": "ip", "b": "ipv6", "names": "binary"} {
			if err := app.AddTable(name, &stick.Table{Type: of}); err != nil {
				t.Fatal(err)
			}
		}
		h := new(Handler)
		if err := json.Unmarshal([]byte(`{"name": "f", "default_backend": "b", `+config+`}`), h); err != nil {
			t.Fatal(err)
		}
		provisions(t, h, ctx, app, config, want)
	}
}

// provisions checks the error of provisioning a handler. Without want, it must succeed.
func provisions(t *testing.T, h *Handler, ctx caddy.Context, app *balancer.App, config, want string) {
	t.Helper()
	h.logger = zap.NewNop()
	h.setDefaults()
	frontendtest.Provisioning.Lock()
	err := h.provision(ctx, app)
	frontendtest.Provisioning.Unlock()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s:\n got %v\nwant %s", config, err, want)
	}
}

// Other rules of backends ask, too.
func TestBackendsAskAboutNothing(t *testing.T) {
	const match = `"match": [{"acl": [{"any": [{"fetch": "src_conn_cnt(g)", "values": ["1"]}]}]}]`
	for config, want := range map[string]string{
		`"use_server": [{"server": "s"}, {"server": "s", ` + match + `}]`:                                    `backend "b": use_server 2: src_conn_cnt: stick table "g" is not defined`,
		`"use_server": [{"server_format": "%[table_cnt(g)]"}]`:                                               `backend "b": use_server 1: table_cnt: stick table "g" is not defined`,
		`"persist_rules": [{"action": "force", ` + match + `}]`:                                              `backend "b": persist_rules 1: src_conn_cnt: stick table "g" is not defined`,
		`"stick": {"rules": [{"action": "on", "key": "src", ` + match + `}]}`:                                `backend "b": stick: src_conn_cnt: stick table "g" is not defined`,
		`"stick": {"rules": [{"action": "on", "key": "src,table_conn_cnt(g)"}]}`:                             `backend "b": stick: table_conn_cnt: stick table "g" is not defined`,
		`"stick": {"rules": [{"action": "on", "key": "src", ` + strings.Replace(match, "(g)", "", 1) + `}]}`: "",
	} {
		app, ctx := frontendtest.App(t, map[string]string{"b": `{"servers": [{"name": "s", "address": "127.0.0.1:1"}], ` + config + `}`})
		h := &Handler{Name: "f", DefaultBackend: "b"}
		provisions(t, h, ctx, app, config, want)
	}
}

// What rules ask about must exist when the configuration is loaded.
func TestQuestionsAboutNothing(t *testing.T) {
	const servers = `{"servers": [{"name": "s", "address": "127.0.0.1:1"}]}`
	asks := func(fetch string) string {
		return `{"action": "close", "match": [{"acl": [{"any": [{"fetch": "` + fetch + `", "method": "found"}]}]}]}`
	}
	for config, want := range map[string]string{
		`"rules": [{"backend": "b", "match": [{"acl": [{"any": [{"fetch": "nbsrv(b)", "values": ["1"]}]}]}]}]`:  "",
		`"rules": [{"backend": "b", "match": [{"acl": [{"any": [{"fetch": "nbsrv(bb)", "values": ["1"]}]}]}]}]`: `rule 1: nbsrv: backend "bb" is not defined; did you mean "b"?`,
		`"rules": [{"backend_format": "%[srv_conn(b/t)]"}]`:                                                     `rule 1: srv_conn: backend "b" has no server "t"`,
		`"content": {"rules": [{"action": "accept"}, ` + asks("be_conn") + `]}`:                                 `content: rule 2: be_conn: backend "f" is not defined`,
		`"content": {"rules": [` + asks("srv_is_up(b/s)") + `]}`:                                                "",
		`"session": [` + asks("fe_conn(g)") + `]`:                                                               `session: rule 1: fe_conn: frontend "g" is not defined`,
		`"connection": [` + asks("fe_conn") + `, ` + asks("fe_conn(f)") + `]`:                                   "",
		`"content": {"rules": [{"action": "set_var", "var": "txn.x", "value": "queue(c)"}]}`:                    `content: rule 1: queue: backend "c" is not defined`,
		`"content": {"rules": [{"action": "set_var", "var": "txn.x", "value": "str(c),nbsrv"}]}`:                "",
	} {
		app, ctx := frontendtest.App(t, map[string]string{"b": servers})
		h := new(Handler)
		if err := json.Unmarshal([]byte(`{"name": "f", "default_backend": "b", `+config+`}`), h); err != nil {
			t.Fatal(err)
		}
		provisions(t, h, ctx, app, config, want)
	}
	app, ctx := frontendtest.App(t, map[string]string{"b": `{"servers": [], "content": {"rules": [` + asks("nbsrv(c)") + `]}}`})
	provisions(t, &Handler{Name: "f", DefaultBackend: "b"}, ctx, app, "content of a backend", `backend "b": content: rule 1: nbsrv: backend "c" is not defined`)
}
