// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"slices"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestProblems(t *testing.T) {
	serving(t, "broken", pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 1})
	if _, err := control.ChangeServer(control.ByAdmin, "broken", "s1", control.ServerChange{Health: new(pool.HealthDown)}); err != nil {
		t.Fatal(err)
	}
	all := show[[]Problem](t, prefix+"problems")
	i := slices.IndexFunc(all, func(p Problem) bool { return p.Backend == "broken" })
	if i < 0 || all[i].Severity != "critical" || all[i].Kind != "backend_down" || all[i].What == "" || all[i].Advice == "" {
		t.Errorf("%+v", all)
	}
}
