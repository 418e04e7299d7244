// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func TestSharedVariables(t *testing.T) {
	app := new(App)
	d := caddyfile.NewTestDispenser("passthrough {\nset_var proc.a int(5)\nset_var proc.b var(proc.a),add(2)\nset_var proc.c src\n}")
	if err := app.UnmarshalCaddyfile(d); err != nil {
		t.Fatal(err)
	}
	if err := app.computeVariables(); err != nil {
		t.Fatal(err)
	}
	if v, ok := app.Variable("proc.b"); !ok || v.Int() != 7 {
		t.Errorf("%v, %v", v, ok)
	}
	if _, ok := app.Variable("proc.c"); ok {
		t.Error("a connection's address before there is one")
	}
	b := []byte("abc")
	app.SetVariable("proc.c", sample.Binary(b))
	b[0] = 'x'
	if v, _ := app.Variable("proc.c"); v.String() != "abc" {
		t.Errorf("it is a view: %v", v)
	}
	app.SetVariable("proc.c", sample.Value{})
	if _, ok := app.Variable("proc.c"); ok {
		t.Error("it is not forgotten")
	}
	for block, want := range map[string]string{
		"set_var proc.a":        "expected set_var NAME EXPRESSION",
		"set_var sess.a int(1)": "expected the scope proc",
		"set_var proc.a nope":   "set_var proc.a: unknown fetch method 'nope'",
	} {
		d := caddyfile.NewTestDispenser("passthrough {\n" + block + "\n}")
		if err := new(App).UnmarshalCaddyfile(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", block, err)
		}
	}
}
