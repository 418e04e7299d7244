// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"fmt"
	"slices"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// conflictCase is a frontend: the names of the certificates that its backends present, and its
// rules, in which the backend "refused" stands for a refusal and "site" for sites of Caddy.
type conflictCase struct {
	name      string
	presented map[string][]string
	rules     map[string]string
	other     string // the default backend
	want      []string
}

var conflictCases = []conflictCase{
	{
		"one certificate on two backends",
		map[string][]string{"a": {"*.example.com"}, "b": {"*.example.com"}},
		map[string]string{"a.example.com": "a", "b.example.com": "b"},
		"refused",
		[]string{"a keeps a.example.com, not b: [b.example.com]", "b keeps b.example.com, not a: [a.example.com]"},
	},
	{
		"the other's certificate is unknown",
		map[string][]string{"a": {"*.example.com"}},
		map[string]string{"a.example.com": "a", "b.example.com": "b"},
		"refused",
		[]string{"a keeps a.example.com, not b: [b.example.com]"},
	},
	{
		"a list of names",
		map[string][]string{"a": {"a.example.com", "b.example.org"}},
		map[string]string{"a.example.com": "a", "b.example.org": "b"},
		"refused",
		[]string{"a keeps a.example.com, not b: [b.example.org]"},
	},
	{"a certificate each", map[string][]string{"a": {"a.example.com"}, "b": {"b.example.com"}}, map[string]string{"a.example.com": "a", "b.example.com": "b"}, "refused", nil},
	{"all names to one", map[string][]string{"a": {"*.example.com"}}, map[string]string{"a.example.com": "a", "b.example.com": "a", "c.example.org": "c"}, "refused", nil},
	{"a name that is refused", map[string][]string{"a": {"*.example.com"}}, map[string]string{"a.example.com": "a", "b.example.com": "refused"}, "refused", nil},
	{"nothing leads to the backend", map[string][]string{"unused": {"*.example.com"}}, map[string]string{"a.example.com": "a", "b.example.com": "b"}, "refused", nil},
	{
		"the default has the wildcard",
		map[string][]string{"d": {"*.example.com"}},
		map[string]string{"b.example.com": "b"},
		"d",
		[]string{"d keeps *.example.com, not b: [b.example.com]"},
	},
	{
		"the wildcard is routed, too",
		map[string][]string{"b": {"*.example.com"}},
		map[string]string{"b.example.com": "b", "*.example.com": "w"},
		"refused",
		[]string{"b keeps b.example.com, not w: [*.example.com]"},
	},
	{"two labels are not covered", map[string][]string{"a": {"*.example.com"}}, map[string]string{"a.example.com": "a", "x.b.example.com": "b", "example.com": "b"}, "refused", nil},
	{
		"a suffix",
		map[string][]string{"a": {"*.example.com"}},
		map[string]string{"a.example.com": "a", ".example.com": "b"},
		"refused",
		[]string{"a keeps a.example.com, not b: [*.example.com]"},
	},
	{
		"a domain",
		map[string][]string{"a": {"*.example.com", "example.com"}},
		map[string]string{"a.example.com": "a", "+.example.com": "b"},
		"refused",
		[]string{"a keeps a.example.com, not b: [*.example.com example.com]"},
	},
	{
		"a site of Caddy",
		map[string][]string{"a": {"*.example.com"}},
		map[string]string{"a.example.com": "a", "own.example.com": "site"},
		"refused",
		[]string{"a keeps a.example.com, not : [own.example.com]"},
	},
	{"odd names", map[string][]string{"a": {"a b", "", "*", ".example.com", `x\x00.example.com`, "192.0.2.1", "a.example.com"}}, map[string]string{"a.example.com": "a", "b.example.com": "b"}, "refused", nil},
}

// search returns the conflicts as lines.
func (c *conflictCase) search(t *testing.T) (lines []string) {
	t.Helper()
	var presented []Presented
	for backend, list := range c.presented {
		presented = append(presented, Presented{backend, &Certificate{Names: list}})
	}
	var table names.Table
	var patterns, backends []string
	for pattern, backend := range c.rules {
		if err := table.Add(pattern, names.Target{Value: len(backends)}); err != nil {
			t.Fatal(err)
		}
		patterns, backends = append(patterns, pattern), append(backends, backend)
	}
	for _, k := range Conflicts("f", presented, patterns, func(name string) (string, bool) {
		backend := c.other
		if to, ok := table.Lookup([]byte(name)); ok {
			backend = backends[to.Value]
		}
		if backend == "site" {
			return "", true
		}
		return backend, backend != "refused"
	}) {
		lines = append(lines, fmt.Sprintf("%s keeps %s, not %s: %v", k.Backend, k.Kept, k.Other, k.Names))
	}
	return lines
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	for _, c := range conflictCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.search(t); !slices.Equal(got, c.want) {
				t.Errorf("got %q, expected %q", got, c.want)
			}
		})
	}
}

// TestManyConflicts shows that neither the search nor its result grows without bounds.
func TestManyConflicts(t *testing.T) {
	t.Parallel()
	var patterns []string
	for i := range 100_000 {
		patterns = append(patterns, fmt.Sprintf("%05d.example.com", i))
	}
	asked := 0
	found := Conflicts("f", []Presented{{"a", &Certificate{Names: []string{"*.example.com"}}}}, patterns, func(name string) (string, bool) {
		asked++
		if name == probeLabel+".example.com" {
			return "a", true
		}
		return name, true
	})
	if len(found) != maxConflicts || asked != maxRouted {
		t.Errorf("%d conflicts, %d names asked", len(found), asked)
	}
	found = Conflicts("f", []Presented{{"a", &Certificate{Names: []string{"*.example.com"}}}}, patterns, func(name string) (string, bool) {
		return map[bool]string{true: "a", false: "b"}[name == probeLabel+".example.com"], true
	})
	if len(found) != 1 || len(found[0].Names) != maxConflict || found[0].MoreNames != maxRouted-1-maxConflict {
		t.Errorf("got %+v", found)
	}
}
