// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"strings"
	"testing"
)

func TestAllOf(t *testing.T) {
	yes, no := Criterion{Fetch: "always_true"}, Criterion{Fetch: "always_false"}
	unknown := Criterion{Fetch: "wait_end"}
	term := func(not bool, criteria ...Criterion) *Term { return &Term{Not: not, Any: criteria} }
	for name, c := range map[string]struct {
		all  []*Term
		want Verdict
	}{
		"one":                {[]*Term{term(false, yes)}, Pass},
		"not one":            {[]*Term{term(true, yes)}, Fail},
		"one of two":         {[]*Term{term(false, no, yes)}, Pass},
		"both":               {[]*Term{term(false, yes), term(true, no)}, Pass},
		"the second not":     {[]*Term{term(false, yes), term(false, no)}, Fail},
		"not known":          {[]*Term{term(false, unknown)}, Fail},
		"not the unknown":    {[]*Term{term(true, unknown)}, Fail},
		"known beside it":    {[]*Term{term(false, unknown, yes)}, Pass},
		"one within another": {[]*Term{term(true, Criterion{Fetch: "acl(x)", All: []*Term{term(false, no)}})}, Pass},
	} {
		acl, err := new(Loader).Criterion(Criterion{Fetch: "acl(x)", All: c.all})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := acl.Match(new(Input)); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	acl, err := new(Loader).Criterion(Criterion{Fetch: "acl(x)", All: []*Term{term(false, Criterion{Fetch: "req.len", Values: []string{"1"}}, Criterion{Fetch: "nbsrv(b)", Values: []string{"1"}})}})
	if err != nil || !acl.NeedsRequest() || len(acl.Questions()) != 1 {
		t.Errorf("needs and questions are not those of the criteria: %v", err)
	}
	for want, c := range map[string]Criterion{
		"with a method or patterns":       {Fetch: "acl(x)", All: []*Term{term(false, yes)}, Values: []string{"1"}},
		"expected at least one criterion": {Fetch: "acl(x)", All: []*Term{term(false)}},
		"name the ACLs in a condition":    {Fetch: "acl(x)"},
		"unknown fetch method 'foo'":      {Fetch: "acl(x)", All: []*Term{term(false, Criterion{Fetch: "foo"})}},
	} {
		if _, err := new(Loader).Criterion(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
