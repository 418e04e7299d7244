// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls" // the matchers of l4tls
	"github.com/mholt/caddy-l4/layer4"
	"github.com/mholt/caddy-l4/modules/l4tls"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// BenchmarkMatch measures the decision by server name for one connection that has sent its hello of
// about 1.5 KB, with several routes of which the last matches. It compares this matcher with
// caddy-l4's own on the same bytes, and with the rules of passthrough, where the inspection returns
// to its pool. The cost of the connection itself in caddy-l4's routes, which any matcher has, is
// measured separately.
func BenchmarkMatch(b *testing.B) {
	ctx := quietContext(b)
	raw := hellotest.Hello(b, "host-0.test", "h2", "http/1.1")
	b.Run("connection", func(b *testing.B) { benchRoutes(b, raw, nil) })
	for _, routes := range []int{1, 10} {
		var ours, theirs []layer4.MatcherSet
		for i := routes - 1; i >= 0; i-- {
			name := fmt.Sprintf("host-%d.test", i)
			m := &Matcher{SNI: []string{name}}
			l4 := &l4tls.MatchTLS{MatchersRaw: caddy.ModuleMap{"sni": json.RawMessage(`["` + name + `"]`)}}
			for _, p := range []caddy.Provisioner{m, l4} {
				if err := p.Provision(ctx); err != nil {
					b.Fatal(err)
				}
			}
			ours, theirs = append(ours, layer4.MatcherSet{m}), append(theirs, layer4.MatcherSet{l4})
		}
		b.Run(fmt.Sprintf("%d/rules", routes), func(b *testing.B) { benchRules(b, raw, ours) })
		b.Run(fmt.Sprintf("%d/client_hello", routes), func(b *testing.B) { benchRoutes(b, raw, ours) })
		b.Run(fmt.Sprintf("%d/l4tls", routes), func(b *testing.B) { benchRoutes(b, raw, theirs) })
	}
}

// quietContext returns a context without debug messages, which l4tls would write for each match.
func quietContext(b *testing.B) caddy.Context {
	err := caddy.Run(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "ERROR"}}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = caddy.Stop() })
	return caddy.ActiveContext()
}

func benchRoutes(b *testing.B, raw []byte, routes []layer4.MatcherSet) {
	conn, logger := new(hellotest.Conn), zap.NewNop()
	b.ReportAllocs()
	for b.Loop() {
		cx := layer4.WrapConnection(conn, raw, logger)
		for i, set := range routes {
			if matched, err := set.Match(cx); matched != (i == len(routes)-1) || err != nil {
				b.Fatal(i, matched, err)
			}
		}
	}
}

func benchRules(b *testing.B, raw []byte, rules []layer4.MatcherSet) {
	b.ReportAllocs()
	for b.Loop() {
		i := clienthello.NewInspection(0)
		i.Commit(copy(i.Space(), raw))
		for k, set := range rules {
			if matched := set[0].(*Matcher).MatchHello(i); matched != (k == len(rules)-1) {
				b.Fatal(k, matched)
			}
		}
		i.Release()
	}
}
