// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
)

func TestResponseMistakes(t *testing.T) {
	for rules, want := range map[string]string{
		`{"rules": [{"action": "reject"}]}`: "response: rule 1: action reject: expected accept, close, reset, set_var, set_var_format or unset_var",
		`{"rules": [{"action": "accept"}, {"action": "close", "match": [{"client_hello": {}}]}]}`: "response: rule 2: it needs bytes of the client, which are no longer available",
	} {
		if err := tryApp(t, `{"servers": [], "response": `+rules+`}`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", rules, err)
		}
	}
}

// tryApp returns the error of an app with a backend.
func tryApp(t *testing.T, backend string) error {
	t.Helper()
	b := new(balancer.Backend)
	if err := json.Unmarshal([]byte(backend), b); err != nil {
		t.Fatal(err)
	}
	return frontendtest.Provision(t, (&balancer.App{Backends: map[string]*balancer.Backend{"b": b}}).Provision)
}
