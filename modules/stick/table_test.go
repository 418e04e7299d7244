// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// parse parses "stick_table { … }".
func parse(text string) (*Table, error) {
	d := caddyfile.NewTestDispenser(text)
	d.Next()
	table := new(Table)
	return table, table.UnmarshalCaddyfile(d)
}

func TestTable(t *testing.T) {
	table, err := parse(`stick_table {
		type string
		length 40
		size 2k
		expire 1m30s
		nopurge
		store conn_cur,conn_rate(10s) gpc(3)
		store gpc_rate(2,1m)
	}`)
	if err != nil {
		t.Fatal(err)
	}
	c, err := table.Config()
	if err != nil || c.Type != tables.String || c.Length != 40 || c.Size != 2048 || c.Expire != 90*time.Second || !c.NoPurge {
		t.Errorf("%+v, %v", c, err)
	}
	var stored []string
	for _, s := range c.Store {
		stored = append(stored, s.String())
	}
	if got := strings.Join(stored, " "); got != "conn_cur conn_rate(10s) gpc(3) gpc_rate(2,1m)" {
		t.Errorf("store %s", got)
	}
}

func TestDefaults(t *testing.T) {
	table, err := parse("stick_table")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := table.Config(); err != nil || c.Type != tables.IPv6 || c.Size != DefaultSize || c.Expire != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestTableRefuses(t *testing.T) {
	for options, want := range map[string]string{
		"type ipv5":                `type "ipv5": expected ip, ipv6, integer, string or binary`,
		"length 10":                "keys of type ipv6 have a length of their own",
		"size 0":                   `size "0": expected a number of entries from 1 to 2147483647, such as 100000 or 200k`,
		"size 2x":                  `size "2x"`,
		"size 3g":                  `size "3g"`,
		"expire 25d":               "expire 600h0m0s is not from 0",
		"store conns":              "unknown store option 'conns'",
		"store gpc0,gpc0":          "gpc0 is given twice",
		"store gpc(2) gpc1":        "gpc1 is an element of gpc",
		"store gpt0 gpt(1)":        "gpt0 is an element of gpt",
		"store":                    "wrong argument count",
		"store conn_rate(10s":      "missing closing parenthesis",
		"store conn_cur\n expires": `unknown option "expires"; did you mean "expire"?`,
	} {
		if _, err := parse("stick_table {\n" + options + "\n}"); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
			t.Errorf("%s: %v, want %q", options, err, want)
		}
	}
}
