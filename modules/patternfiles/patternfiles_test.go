// SPDX-License-Identifier: Apache-2.0

package patternfiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func TestMain(m *testing.M) { programs.VerifyNoLeaks(m) }

// user is an app that looks names up in a map.
type user struct {
	Expression string `json:"expression"`
	Fail       bool   `json:"fail,omitempty"`

	expression, again *sample.Expression
}

// running is the app that was started last.
var running *user

func init() { caddy.RegisterModule(new(user)) }

func (*user) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "patternfiles_user", New: func() caddy.Module { return new(user) }}
}

func (u *user) Provision(ctx caddy.Context) (err error) {
	if u.expression, err = Loader(ctx).Expression(u.Expression); err == nil {
		u.again, err = HTTPLoader(ctx).Expression(u.Expression)
	}
	return err
}

func (u *user) Start() error {
	if u.Fail {
		return errors.New("refused")
	}
	running = u
	return nil
}

func (*user) Stop() error { return nil }

// value returns the value of the running expression.
func value(t *testing.T) string {
	t.Helper()
	v, _ := running.expression.Eval(new(sample.Input))
	if other, _ := running.again.Eval(new(sample.Input)); other.String() != v.String() {
		t.Errorf("two loaders: %s and %s", v, other)
	}
	return v.String()
}

// load loads a configuration.
func load(t *testing.T, u user) error {
	t.Helper()
	app, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	return caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "ERROR"}}},
		"apps": {"patternfiles_user": `+string(app)+`}}`), true)
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// onlyMap returns the only map in use.
func onlyMap(t *testing.T) File {
	t.Helper()
	all := All(true)
	if len(all) != 1 {
		t.Fatalf("%d maps are in use, want 1", len(all))
	}
	return all[0]
}

// awaitNone waits until no map is in use: the end of a configuration is noticed in a goroutine.
func awaitNone(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(All(true)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d maps are in use after the end", len(All(true)))
		}
	}
}

func TestReloads(t *testing.T) {
	name := filepath.Join(t.TempDir(), "m.map")
	write(t, name, "a file\n")
	look := user{Expression: "str(a),map(file@" + name + ")"}
	set := func(to string) func() error {
		return func() error { _, err := onlyMap(t).Patterns.SetKey("a", to); return err }
	}
	reload := func() error { return load(t, look) }
	id := 0
	for i, step := range []struct {
		what  string
		do    func() error
		want  string
		edits int
	}{
		{"load", reload, "file", 0},
		{"edit", set("edited"), "edited", 1},
		{"reload", reload, "edited", 1},
		{"reload with another method", func() error { return load(t, user{Expression: "str(xa),map_end(" + name + ")"}) }, "edited", 1},
		{"edit again", set("again"), "again", 2},
		{"a reload that is refused", func() error {
			write(t, name, "a new\n")
			if load(t, user{Expression: look.Expression, Fail: true}) == nil {
				t.Error("not refused")
			}
			return nil
		}, "again", 2},
		{"edit the running configuration's", set("third"), "third", 3},
		{"reload the changed file", reload, "new", 0},
		{"edit that", set("fourth"), "fourth", 1},
		{"reset to the file", func() error { write(t, name, "a newest\n"); return onlyMap(t).Reset() }, "newest", 0},
		{"edit after the reset", set("fifth"), "fifth", 1},
		{"reload the file as it was reset", reload, "fifth", 1},
		{"stop", caddy.Stop, "fifth", -1},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := value(t); got != step.want {
			t.Errorf("%s: the value is %q, want %q", step.what, got, step.want)
		}
		if i == 0 {
			id = onlyMap(t).ID
		}
		if step.edits >= 0 {
			if f := onlyMap(t); f.Patterns.Edits() != step.edits || f.Name != name || f.ID != id {
				t.Errorf("%s: file %d %s, %d edits, want %d", step.what, f.ID, f.Name, f.Patterns.Edits(), step.edits)
			}
		}
	}
	awaitNone(t)
}

func TestFind(t *testing.T) {
	name := filepath.Join(t.TempDir(), "m.map")
	write(t, name, "a file\n")
	if err := load(t, user{Expression: "str(a),map(" + name + "),map(virt@none,b)"}); err != nil {
		t.Fatal(err)
	}
	all := All(true)
	if len(all) != 2 || len(All(false)) != 0 {
		t.Fatalf("%+v", all)
	}
	for i, f := range all {
		for _, reference := range []string{f.Name, fmt.Sprint("#", f.ID), filepath.Base(f.Name)} {
			if got, found := Find(true, reference); !found || got.Patterns != all[i].Patterns {
				t.Errorf("%s is not found", reference)
			}
		}
	}
	if _, found := Find(false, name); found {
		t.Error("a map is an ACL")
	}
	for _, reference := range []string{"", "map", "#99", filepath.Base(name) + "x"} {
		if f, found := Find(true, reference); found {
			t.Errorf("%q means %s", reference, f.Name)
		}
	}
	if err := all[1].Reset(); err != nil || all[1].Name != "virt@none" {
		t.Errorf("%s: %v", all[1].Name, err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := all[0].Reset(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	awaitNone(t)
}
