// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// routerOf returns a router with a route for each name, to the backend web.
func routerOf(t *testing.T, app *balancer.App, names ...string) *Router {
	t.Helper()
	r := &Router{Logger: zap.NewNop(), Default: app.Backends["rest"]}
	for _, name := range names {
		m := &l4clienthello.Matcher{SNI: []string{name}}
		if err := m.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		route := &Route{Name: `backend "web"`, Condition: rules.Condition{Sets: []rules.Set{{Hello: m}}}, Target: To(app.Backends["web"])}
		if err := r.Add(route); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// The counts of rules continue over reloads by the text of the rules, wherever they stand.
func TestChoicesOverReloads(t *testing.T) {
	t.Parallel()
	app := newAppOf(t, map[string]string{"web": `{"servers": []}`, "rest": `{"servers": []}`})
	config := Config{Name: "choices-reload", App: app, Logger: zap.NewNop(), Router: routerOf(t, app, "a.test", "b.test")}
	before := New(config)
	before.setActive()
	before.Router.routes[0].Target.meterOf(0).Count(time.Now())
	before.Router.routes[1].Target.meterOf(0).Count(time.Now())
	before.outcomes[Timeout].Count(time.Now())
	config.Router = routerOf(t, app, "new.test", "b.test", "c.test")
	after := New(config)
	after.setActive()
	before.Router.routes[1].Target.meterOf(0).Count(time.Now()) // by a connection of the one before
	all, err := Choices("choices-reload")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range all {
		total := c.Ended.Total
		for _, to := range c.To {
			total += to.Total
		}
		got = append(got, fmt.Sprint(c.List, " ", c.Number, " ", c.Rule, " ", c.When, " ", total))
	}
	want := []string{
		`rule 1 backend "web" if sni new.test 0`, `rule 2 backend "web" if sni b.test 2`, `rule 3 backend "web" if sni c.test 0`,
		"default_backend 0 rest  0", "on 0 on timeout reject  1",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
	after.choices.reset()
	for _, c := range after.Choices() {
		if len(c.To) > 0 && c.To[0].Total > 0 {
			t.Errorf("after a reset: %+v", c)
		}
	}
}

// Of very many rules the first are counted one by one, and the others together.
func TestChoicesAreBounded(t *testing.T) {
	t.Parallel()
	app := newAppOf(t, map[string]string{"web": `{"servers": []}`, "rest": `{"servers": []}`})
	var names []string
	for i := range 3 * maxChoices {
		names = append(names, fmt.Sprintf("n%d.test", i))
	}
	f := New(Config{Name: "choices-many", App: app, Logger: zap.NewNop(), Router: routerOf(t, app, names...)})
	if n := len(f.choices.meters); n != maxChoices {
		t.Errorf("%d counts", n)
	}
	for _, i := range []int{0, maxChoices, 2 * maxChoices} {
		f.Router.routes[i].Target.meterOf(0).Count(time.Now())
	}
	all := f.Choices()
	if first := all[0]; first.To[0].Total != 1 {
		t.Errorf("the first: %+v", first)
	}
	if others := all[maxChoices]; others.List != "others" || others.Number != 2*maxChoices || others.To[0].Total != 2 {
		t.Errorf("the others: %+v", others)
	}
}
