// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

const withTables = `defaults
	mode tcp
	timeout connect 1s
	timeout client 1s
	timeout server 1s
peers mesh
	peer a 192.0.2.9:1024
	table shared type string len 40 size 1k
frontend f
	bind 127.0.0.1:1000
	stick-table type ipv4 size 1m expire 10s nopurge store gpc0,conn_rate(10s) store gpc_rate(2,1m)
	default_backend b
backend b
	server s 192.0.2.1:443
backend only
	stick-table type integer size 2 %s
`

// adaptTables returns the app of a configuration whose last table has more words, and the warnings.
func adaptTables(t *testing.T, more string) (app *balancer.App, warnings string, err error) {
	t.Helper()
	out, notes, err := Adapter{}.Adapt([]byte(strings.Replace(withTables, "%s", more, 1)), nil)
	if err != nil {
		return nil, "", err
	}
	app = new(balancer.App)
	var c caddy.Config
	if err := json.Unmarshal(out, &c); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(c.AppsRaw["passthrough"], app); err != nil {
		t.Fatal(err)
	}
	for _, n := range notes {
		warnings += n.Message + "\n"
	}
	return app, warnings, nil
}

func TestStickTables(t *testing.T) {
	app, _, err := adaptTables(t, "store server_key,server_id")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]*stick.Table{
		"mesh/shared": {Type: "string", Length: 40, Size: 1024},
		"f":           {Type: "ip", Size: 1 << 20, Expire: caddy.Duration(10e9), NoPurge: true, Store: []string{"gpc0", "conn_rate(10s)", "gpc_rate(2,1m)"}},
		"only":        {Type: "integer", Size: 2, Store: []string{"server_id"}},
	}
	if diff := cmp.Diff(want, app.StickTables, cmpopts.IgnoreUnexported(stick.Table{})); diff != "" {
		t.Error(diff)
	}
	if names := slices.Collect(maps.Keys(app.Backends)); !slices.Equal(names, []string{"b"}) {
		t.Errorf("backends %v: one that only has a table is not needed", names)
	}
}

// Words of HAProxy 3.0 and later, which the verdicts of an older one do not judge.
func TestNewStickTableWords(t *testing.T) {
	for more, want := range map[string]string{
		"brates-factor 0":       "must be greater than 0",
		"brates-factor 2k":      "must be greater than 0",
		"brates-factor 1k":      "",
		"write-to nothing":      "table 'nothing' doesn't exist",
		"write-to mesh/shared":  "cannot mix table types",
		"write-to only":         "",
		"recv-only":             "",
		"recv-only peers mesh":  "",
		"store conn_cur(":       "missing closing parenthesis",
		"write-to":              "missing argument after 'write-to'",
		"size 3g":               "is too large",
		"type binary len 70000": "'len' expects a positive integer",
	} {
		_, warnings, err := adaptTables(t, more)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", more, err, want)
		}
		if more == "write-to only" && !strings.Contains(warnings, noteNoCopy) {
			t.Errorf("%s: no warning that nothing is exchanged: %s", more, warnings)
		}
	}
}
