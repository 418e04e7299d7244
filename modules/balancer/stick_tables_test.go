// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

func TestParseStickTable(t *testing.T) {
	for text, want := range map[string]string{
		"stick_table t {\ntype ip\n}\nstick_table t": `stick_table "t" is defined twice, at Testfile:5`,
		"stick_table":                           `"stick_table" needs an argument, at Testfile:2`,
		"stick_table a/b":                       `stick_table: name "a/b": expected`,
		"stick_table t {\nstore gpc0 gpc(2)\n}": `store: gpc0 is an element of gpc: expected only one of them, at Testfile:2`,
	} {
		err := new(App).UnmarshalCaddyfile(caddyfile.NewTestDispenser("passthrough {\n" + text + "\n}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestTableNames(t *testing.T) {
	for name, valid := range map[string]bool{"t": true, "mesh/t": true, "": false, "a/b/c": false, "/t": false, "t/": false, "a b": false} {
		if err := ValidateTableName(name); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAddTable(t *testing.T) {
	var app App
	defer func() { app.StickTables["own"].Close() }()
	if err := app.AddTable("own", new(stick.Table)); err != nil {
		t.Fatal(err)
	}
	if err := app.AddTable("own", new(stick.Table)); err == nil || !strings.Contains(err.Error(), "defined twice") {
		t.Errorf("the same name again: %v", err)
	}
	if app.Table("own") == nil || app.Table("other") != nil || StickTables().Table("own") != app.Table("own") {
		t.Error("the table is not found by its name")
	}
}
