// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

func init() {
	caddy.RegisterModule(new(answer))
}

// answer is a matcher that always says the same: yes, no, more or error.
type answer struct {
	Answer string `json:"answer"`
	Blind  bool   `json:"blind,omitempty"` // it says that it does not look at bytes
}

func (a *answer) NeedsRequest() bool { return !a.Blind }

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

// newApp returns an app with the named backends and the context that provisioned it. Each backend
// has one server, which is unreachable.
func newApp(t testing.TB, backends ...string) (*balancer.App, caddy.Context) {
	t.Helper()
	configs := make(map[string]string)
	for _, name := range backends {
		configs[name] = `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}], "retries": 0}`
	}
	return frontendtest.App(t, configs)
}

// newRouter compiles rules that are applied to hellos.
func newRouter(ctx caddy.Context, app *balancer.App, list []*Rule, fallback *balancer.Backend) (*frontend.Router, error) {
	r := &frontend.Router{Logger: ctx.Logger(), Default: fallback}
	return r, addRules(ctx, app, r, list)
}

// specimen is one hello.
type specimen struct {
	name, protocol string
	tls13          bool
	raw            []byte
	hello          *clienthello.Inspection
}

// newSpecimen returns the first bytes that a Go client sends for a name and a protocol, either of
// which may be empty.
func newSpecimen(t testing.TB, name, protocol string) specimen {
	t.Helper()
	var protocols []string
	if protocol != "" {
		protocols = []string{protocol}
	}
	raw := hellotest.Hello(t, name, protocols...)
	return specimen{name: name, protocol: protocol, tls13: true, raw: raw, hello: inspected(t, raw)}
}

// inspected is an inspection that has found the hello in raw.
func inspected(t testing.TB, raw []byte) *clienthello.Inspection {
	t.Helper()
	i := clienthello.NewInspection(0)
	if i.Feed(raw) != clienthello.Found {
		t.Fatal(i.Outcome(), i.Err())
	}
	t.Cleanup(i.Release)
	return i
}

// connection returns the connection that the router gets for matchers of other plugins and
// templates.
func (s *specimen) connection() *layer4.Connection {
	cx := layer4.WrapConnection(new(hellotest.Conn), s.raw, zap.NewNop())
	l4clienthello.Share(cx, s.hello)
	return cx
}

// seen is a view that is final of what an inspection has found.
func seen(hello *clienthello.Inspection, connection func() *layer4.Connection) *rules.View {
	v := &rules.View{Connection: connection}
	v.Hello, v.Final = hello, true
	return v
}

// rules parses the rules of a frontend.
func parseRules(t testing.TB, format string, args ...any) (parsed []*Rule) {
	t.Helper()
	if err := json.Unmarshal(fmt.Appendf(nil, format, args...), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// await waits for a condition.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for over := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

// tempFile writes a file and returns its name.
func tempFile(t testing.TB, content string) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "sites.map"), content)
}

func writeFile(t rapid.TB, file, content string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
