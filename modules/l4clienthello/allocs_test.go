// SPDX-License-Identifier: Apache-2.0

//go:build !race

package l4clienthello

import (
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestMatchHelloDoesNotAllocate does not run under the race detector, which makes sync.Pool drop
// items at random.
func TestMatchHelloDoesNotAllocate(t *testing.T) {
	long := strings.Repeat("p", 255)
	raw := hellotest.Plain(
		hellotest.SNI("www.a.test"), hellotest.ALPN(long, "http/1.1", "h2"), hellotest.SupportedVersions(0x0304, 0x0303),
		hellotest.KeyShares(0x11ec, 29), hellotest.Extension(hellotest.TypeECH, []byte("random"))).Raw()
	for name, m := range map[string]Matcher{
		"nothing":      {},
		"sni":          {SNI: []string{"a.test", "*.a.test"}},
		"sni_regexp":   {SNIRegexp: []string{`^www[0-9]*\.`}},
		"alpn":         {ALPN: []string{"h3", "h2"}},
		"version":      {Version: []string{"-1.1", "1.3-"}},
		"ech":          {ECH: true},
		"post_quantum": {PostQuantum: true},
		"all of these": {SNI: []string{".a.test"}, ALPN: []string{"h2"}, Version: []string{"1.3"}, ECH: true, PostQuantum: true},
	} {
		m := provisioned(t, m)
		got := testing.AllocsPerRun(50, func() {
			i := clienthello.NewInspection(0)
			i.Feed(raw)
			if !m.MatchHello(i) {
				t.Fatalf("%s does not match", name)
			}
			i.Release()
		})
		if got >= 1 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

// A fingerprint is computed for the first matcher that needs it, and not at all if another field
// does not match.
func TestFingerprintsAreComputedOnce(t *testing.T) {
	raw := hello(t, "a.test")
	ja3, ja4 := inspected(t, raw).JA3(), inspected(t, raw).JA4()
	for _, c := range []struct {
		matchers []Matcher
		want     float64 // one allocation for each fingerprint
	}{
		{[]Matcher{{JA3: []string{ja3}, SNI: []string{"b.test"}}, {JA4: []string{ja4}, ECH: true}}, 0},
		{[]Matcher{{JA3: []string{someJA3, ja3}}}, 1},
		{[]Matcher{{JA3: []string{someJA3, ja3}}, {JA3: []string{someJA3}}}, 1},
		{[]Matcher{{JA4: []string{someJA4, ja4}}}, 1},
		{[]Matcher{{JA4: []string{someJA4, ja4}}, {JA4: []string{someJA4, ja4[:10] + "_*_*"}}, {JA4: []string{someJA4}}}, 1},
		{[]Matcher{{JA4: []string{ja4}}, {JA3: []string{ja3}}, {JA4: []string{ja4}, JA3: []string{ja3}}}, 2},
	} {
		var all []*Matcher
		for _, m := range c.matchers {
			all = append(all, provisioned(t, m))
		}
		got := testing.AllocsPerRun(50, func() {
			i := clienthello.NewInspection(0)
			i.Feed(raw)
			for _, m := range all {
				m.MatchHello(i)
			}
			i.Release()
		})
		if got != c.want {
			t.Errorf("%+v: %v allocations, want %v", c.matchers, got, c.want)
		}
	}
}
