// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

const overridesPath = prefix + "overrides"

func TestOverrides(t *testing.T) {
	serving(t, "overridden", pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 4})
	const path = backendsPath + "/overridden/servers/s1"
	if s := show[Server](t, path); s.Set != nil {
		t.Errorf("before: %v", s.Set)
	}
	ask(t, http.MethodPatch, path, `{"weight": 9, "maxconn": 7}`)
	if s := show[Server](t, path); len(s.Set) != 2 || s.Set["weight"] != "runtime" || s.Set["maxconn"] != "runtime" {
		t.Errorf("set: %v", s.Set)
	}
	var of []Override
	for _, o := range show[[]Override](t, overridesPath) {
		if o.Backend == "overridden" {
			of = append(of, o)
		}
	}
	if len(of) != 2 || of[0].Server != "s1" || of[0].By != "admin endpoint" || of[0].Set != "runtime" || of[0].At.IsZero() {
		t.Errorf("%+v", of)
	}
	for query, want := range map[string]string{
		"": "expected backend and server, frontend, process=1 or all=1", "?backend=overridden": "expected backend and server", "?frontend=a&all=1": "expected backend and server",
		"?all=1&key=weight": `parameter "key"`, "?process=2": "expected backend and server", "?x=1": `parameter "x": expected backend, server, frontend, process, key or all`,
	} {
		if status, text := ask(t, http.MethodDelete, overridesPath+query, ""); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
	if status, _ := ask(t, http.MethodDelete, overridesPath+"?backend=nope&server=s1", ""); status != http.StatusNotFound {
		t.Errorf("an unknown backend: %d", status)
	}
	if status, text := ask(t, http.MethodDelete, overridesPath+"?backend=overridden&server=s1&key=weight", ""); status != http.StatusOK || !strings.Contains(text, `"dropped":1`) {
		t.Errorf("%d %s", status, text)
	}
	if s := show[Server](t, path); s.Weight != 4 || s.MaxConn != 7 || len(s.Set) != 1 {
		t.Errorf("%+v", s)
	}
	ask(t, http.MethodDelete, overridesPath+"?all=1", "")
	if s := show[Server](t, path); s.MaxConn != 0 || s.Set != nil {
		t.Errorf("%+v", s)
	}
}

func TestResolvers(t *testing.T) {
	if all := show[[]Resolver](t, prefix+"dns"); len(all) != 2 || all[0].ID != "default" {
		t.Errorf("%+v", all)
	}
}
