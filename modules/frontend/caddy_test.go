// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// docs/design.md lists these and all others in "Relied on in Caddy and caddy-l4".

// A connection of caddy-l4 has the time at which it was wrapped.
func TestLayer4SetsWrapTime(t *testing.T) {
	cx := layer4.WrapConnection(new(hellotest.Conn), nil, zap.NewNop())
	value, _ := cx.Replacer().Get(layer4.ConnWrapTimeReplKey)
	if at, ok := value.(time.Time); !ok || time.Since(at) > time.Minute {
		t.Errorf("caddy-l4 has changed: %s is %v (%[2]T), expected the time of WrapConnection; client.go:ofRoute counts inspect_delay from it, and now counts from the handler", layer4.ConnWrapTimeReplKey, value)
	}
}

// A connection of caddy-l4 has its variables in its context.
func TestLayer4KeepsVariablesInContext(t *testing.T) {
	cx := layer4.WrapConnection(new(hellotest.Conn), nil, zap.NewNop())
	cx.SetVar("a", 1)
	if vars, ok := cx.Context.Value(layer4.VarsCtxKey).(map[string]any); !ok || vars["a"] != 1 {
		t.Error("caddy-l4 has changed: the context has no map[string]any of variables under VarsCtxKey; connection.go:matching copies them from there, and matchers no longer see them")
	}
}

// Of two sources of a placeholder, the one that was added first counts.
func TestReplacerMapKeepsOrder(t *testing.T) {
	r := caddy.NewReplacer()
	r.Set("test.set", "set")
	for _, value := range []string{"first", "second"} {
		r.Map(func(key string) (any, bool) { return value, key == "test.set" || key == "test.map" })
	}
	for key, want := range map[string]string{"test.set": "set", "test.map": "first"} {
		if got, _ := r.GetString(key); got != want {
			t.Errorf("Caddy has changed: placeholder %s is %q, expected %q, of the source that was added first; connection.go:matching adds the route's placeholders behind those of the connection", key, got, want)
		}
	}
}
