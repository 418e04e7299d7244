// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// mapRouter has a map of that many names, of which a tenth are wildcards and a
// tenth suffixes. Two rules that do not match stand before it.
func mapRouter(t testing.TB, names int) *frontend.Router {
	t.Helper()
	var lines strings.Builder
	first := []string{"www.", "www.", "www.", "www.", "www.", "www.", "www.", "www.", "*.", "."}
	for k := range names {
		fmt.Fprintf(&lines, "%scustomer-%d.example.test b%d\n", first[k%10], k, k%2)
	}
	app, ctx := newApp(t, "b0", "b1")
	r, err := newRouter(ctx, app, parseRules(t, `[
		{"match": [{"client_hello": {"sni": ["api.example.test"]}}], "backend": "b0"},
		{"match": [{"client_hello": {"alpn": ["acme-tls/1"]}}], "backend": "b0"},
		{"backend_map": %q}
	]`, tempFile(t, lines.String())), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mapHellos are for names all over a map of that many, one of each kind of line.
func mapHellos(t testing.TB, names int) (hellos []*clienthello.Inspection) {
	step := names / 100 * 10
	for k := range 10 {
		name := fmt.Sprintf("www.customer-%d.example.test", k*step+k)
		hellos = append(hellos, inspected(t, hellotest.Plain(hellotest.SNI(name), hellotest.ALPN("h2", "http/1.1")).Raw()))
	}
	return hellos
}

// BenchmarkRoute is one decision, by a map. The time must not depend on how many
// names it has.
func BenchmarkRoute(b *testing.B) {
	for _, names := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("%d names", names), func(b *testing.B) {
			r, hellos := mapRouter(b, names), mapHellos(b, names)
			view := seen(nil, nil)
			b.ReportAllocs()
			k := 0
			for b.Loop() {
				view.Hello = hellos[k%len(hellos)]
				if backend, _, err := r.Route(view); backend == nil || err != nil {
					b.Fatal(backend, err)
				}
				k++
			}
		})
	}
}

func TestRouteDoesNotAllocate(t *testing.T) {
	app, ctx := newApp(t, "b0", "b1")
	conditional, err := newRouter(ctx, app, parseRules(t, `[
		{"match": [{"client_hello": {"version": ["-1.1"]}}, {"client_hello": {"ech": true}}], "backend": "b0"},
		{"match": [{"client_hello": {"alpn": ["h3", "spdy/3"], "post_quantum": true, "no_sni": true}}], "backend": "b0"},
		{"match": [{"client_hello": {"alpn": ["h2"]}}], "backend_map": %q}
	]`, tempFile(t, ".example.test b1\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	hellos := mapHellos(t, 100)
	views := make([]*rules.View, 0, len(hellos))
	for _, hello := range hellos {
		views = append(views, seen(hello, nil))
	}
	for name, r := range map[string]*frontend.Router{"a map": mapRouter(t, 100), "conditions": conditional} {
		got := testing.AllocsPerRun(20, func() {
			for _, view := range views {
				if backend, _, err := r.Route(view); backend == nil || err != nil {
					t.Fatal(backend, err)
				}
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
