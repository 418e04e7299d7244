// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A trace has the criteria that were compared, in their order, with the values.
func TestTrace(t *testing.T) {
	t.Parallel()
	in := Input{Hello: clienthello.NewInspection(0), Final: true, Trace: new(Trace)}
	in.Hello.Feed(hellotest.Hello(t, "www.Example.com"))
	t.Cleanup(in.Hello.Release)
	term := Term{Name: "site", Any: []Criterion{
		{Fetch: "req.ssl_sni", IgnoreCase: true, Method: "end", Values: []string{".test", ".invalid"}},
		{Fetch: "req.payload(0,2)", Method: "bin", Values: []string{"1603"}},
		{Fetch: "src", Values: []string{"10.0.0.0/8"}},
	}}
	if err := term.Load(new(Loader)); err != nil {
		t.Fatal(err)
	}
	if term.Match(&in) != Pass {
		t.Error("the term does not match")
	}
	want := []Comparison{
		{"req.ssl_sni -i -m end .test .invalid", []string{"www.Example.com"}, Fail},
		{"req.payload(0,2) -m bin 1603", []string{"1603"}, Pass},
	}
	if diff := cmp.Diff(want, in.Trace.Take()); diff != "" {
		t.Error(diff)
	}
	if got, want := term.String(), "site (req.ssl_sni -i -m end .test .invalid or req.payload(0,2) -m bin 1603 or src 10.0.0.0/8)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if left := in.Trace.Take(); left != nil {
		t.Errorf("left: %v", left)
	}
}

// The text of a criterion with very many values is short.
func TestCriterionTextIsShort(t *testing.T) {
	t.Parallel()
	c := Criterion{Fetch: "req.ssl_sni", Files: []string{"names.lst"}}
	for i := range 1000 {
		c.Values = append(c.Values, fmt.Sprintf("-n%d", i))
	}
	if got, want := c.String(), "req.ssl_sni -f names.lst -- -n0 -n1 -n2 -n3 -n4 -n5 -n6 -n7 (and 992 more)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
