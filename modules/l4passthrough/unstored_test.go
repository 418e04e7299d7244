// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// A rule that reads or changes what no entry stores is accepted, as in HAProxy, with a warning.
func TestUnstoredValues(t *testing.T) {
	const track = `{"action": "track", "key": "src", "table": "some"}, `
	reads := func(fetch string) string {
		return `{"action": "close", "origin": "h:1", "match": [{"acl": [{"any": [{"fetch": "` + fetch + `", "values": ["1"]}]}]}]}`
	}
	for list, want := range map[string]string{
		track + reads("sc0_conn_cur"):                     "",
		track + reads("sc0_gpc0_rate"):                    "",
		track + reads("sc_get_gpc(1,0)"):                  "",
		track + reads("sc0_tracked"):                      "",
		track + reads("sc1_conn_rate"):                    "", // another rule may track
		reads("src_conn_cur(some)"):                       "",
		track + `{"action": "sc_inc_gpc", "index": 1}`:    "",
		track + `{"action": "sc_inc_gpc0"}`:               "",
		track + reads("sc0_conn_rate"):                    `h:1: sc0_conn_rate has no value: expected conn_rate in store of stick table "some"`,
		track + reads("sc_get_gpc(2,0)"):                  `h:1: sc_get_gpc has no value: expected gpc with an element 2 in store of stick table "some"`,
		reads("src_conn_cur"):                             `h:1: src_conn_cur has no value: expected conn_cur in store of stick table "f"`,
		reads("src,table_sess_cnt(some)"):                 `h:1: table_sess_cnt has no value: expected sess_cnt in store of stick table "some"`,
		track + `{"action": "sc_inc_gpc", "index": 2}`:    `connection rule 2: sc_inc_gpc: sc_inc_gpc has no value: expected gpc with an element 2 in store of stick table "some"`,
		track + `{"action": "sc_set_gpt0", "value": "1"}`: `connection rule 2: sc_set_gpt0: sc_set_gpt0 has no value: expected gpt0 in store of stick table "some"`,
	} {
		app, ctx := frontendtest.App(t, map[string]string{"b": `{"servers": []}`})
		for name, store := range map[string][]string{"f": nil, "some": {"conn_cur", "gpc(2)", "gpc_rate(2,1m)"}} {
			if err := app.AddTable(name, &stick.Table{Store: store}); err != nil {
				t.Fatal(err)
			}
		}
		core, logs := observer.New(zap.WarnLevel)
		h := &Handler{logger: zap.New(core)}
		if err := json.Unmarshal([]byte(`{"name": "f", "default_backend": "b", "connection": [`+list+`]}`), h); err != nil {
			t.Fatal(err)
		}
		h.setDefaults()
		frontendtest.Provisioning.Lock()
		err := h.provision(ctx, app)
		frontendtest.Provisioning.Unlock()
		if err != nil {
			t.Errorf("%s: %v", list, err)
		}
		var said []string
		for _, l := range logs.All() {
			said = append(said, l.Message)
		}
		if want == "" && len(said) > 0 || want != "" && !slices.Contains(said, want) {
			t.Errorf("%s:\n got %q\nwant %s", list, said, want)
		}
	}
}
