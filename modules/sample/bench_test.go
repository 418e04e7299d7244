// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkMatch matches 100000 patterns of one method with a server name that equals the last or
// none of them.
func BenchmarkMatch(b *testing.B) {
	const size = 100_000
	for _, c := range []struct{ words, pattern string }{
		{"req.ssl_sni", "host%d.example"},
		{"req.ssl_sni -i", "Host%d.Example"},
		{"req.ssl_sni -m beg", "host%d."},
		{"req.ssl_sni -m end", ".host%d.example"},
		{"req.ssl_sni -i -m end", ".Host%d.Example"},
		{"req.ssl_sni -m dom", "host%d.example"},
		{"req.ssl_sni -m sub", "host%d.exam"},
	} {
		var list strings.Builder
		for k := range size {
			fmt.Fprintf(&list, c.pattern+"\n", k)
		}
		criterion, err := ParseCriterion(strings.Fields(c.words + " -f f"))
		if err != nil {
			b.Fatal(err)
		}
		acl, err := (&Loader{Open: (&files{content: map[string]string{"f": list.String()}}).open}).Criterion(criterion)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strings.ReplaceAll(c.words, " ", ""), func(b *testing.B) {
			in := testInput(false)
			b.ReportAllocs()
			for b.Loop() {
				acl.Match(in)
			}
		})
	}
}

// BenchmarkAddresses looks up addresses in 100000 networks of three prefix lengths.
func BenchmarkAddresses(b *testing.B) {
	var list strings.Builder
	for k := range 100_000 {
		fmt.Fprintf(&list, "11.%d.%d.0/%d\n", k>>8&255, k&255, 24+k%3)
	}
	acl, err := (&Loader{Open: (&files{content: map[string]string{"f": list.String()}}).open}).Criterion(Criterion{Fetch: "src", Files: []string{"f"}})
	if err != nil {
		b.Fatal(err)
	}
	in := testInput(false)
	b.ReportAllocs()
	for b.Loop() {
		acl.Match(in)
	}
}
