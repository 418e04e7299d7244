// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

func init() {
	caddy.RegisterModule(new(answer))
}

// answer is a matcher that always says the same: yes, no, more or error.
type answer struct {
	Answer string `json:"answer"`
}

func (*answer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "layer4.matchers.test_answer", New: func() caddy.Module { return new(answer) }}
}

func (a *answer) Match(*layer4.Connection) (bool, error) {
	switch a.Answer {
	case "more":
		return false, layer4.ErrConsumedAllPrefetchedBytes
	case "error":
		return false, errAsked
	default:
		return a.Answer == "yes", nil
	}
}

// newApp is an app with the backends named, and the context that it was
// provisioned in.
func newApp(t *testing.T, backends ...string) (*balancer.App, caddy.Context) {
	t.Helper()
	app := &balancer.App{Backends: make(map[string]*balancer.Backend)}
	for _, name := range backends {
		b := new(balancer.Backend)
		if err := json.Unmarshal([]byte(`{"servers": [{"name": "s1", "address": "127.0.0.1:1"}], "retries": 0}`), b); err != nil {
			t.Fatal(err)
		}
		app.Backends[name] = b
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := app.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Cleanup() })
	return app, ctx
}

// newSample is what a Go client sends first for a name and a protocol, either
// of which may be none.
func newSample(t *testing.T, name, protocol string) sample {
	t.Helper()
	var protocols []string
	if protocol != "" {
		protocols = []string{protocol}
	}
	s := sample{name: name, protocol: protocol, raw: hellotest.Hello(t, name, protocols...)}
	var err error
	if s.hello, err = clienthello.Parse(s.raw); err != nil {
		t.Fatal(err)
	}
	return s
}

// rules parses the rules of a frontend.
func rules(t *testing.T, format string, args ...any) (parsed []*Rule) {
	t.Helper()
	if err := json.Unmarshal(fmt.Appendf(nil, format, args...), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}
