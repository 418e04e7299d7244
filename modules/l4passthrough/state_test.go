// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
)

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
		h.setDefaults()
		frontendtest.Provisioning.Lock()
		err := h.provision(ctx, app)
		frontendtest.Provisioning.Unlock()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s:\n got %v\nwant %s", config, err, want)
		}
	}
	app, ctx := frontendtest.App(t, map[string]string{"b": `{"servers": [], "content": {"rules": [` + asks("nbsrv(c)") + `]}}`})
	h := &Handler{Name: "f", DefaultBackend: "b"}
	h.setDefaults()
	frontendtest.Provisioning.Lock()
	defer frontendtest.Provisioning.Unlock()
	if err := h.provision(ctx, app); err == nil || !strings.Contains(err.Error(), `backend "b": content: rule 1: nbsrv: backend "c" is not defined`) {
		t.Error(err)
	}
}
