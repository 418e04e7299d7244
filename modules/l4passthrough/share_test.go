// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"strings"
	"testing"
)

func TestSplitMistakes(t *testing.T) {
	app, ctx := newApp(t, "a", "b")
	one, none, many, minus := 1, 0, maxShare+1, -1
	for want, r := range map[string]*Rule{
		"":                                 {Backends: []*Share{{"a", nil}, {"b", &none}}},
		"backend \"c\" is not defined":     {Backends: []*Share{{"a", &one}, {"c", &one}}},
		"no share has a weight above 0":    {Backends: []*Share{{"a", &none}}},
		"weight 1000001: expected a whole": {Backends: []*Share{{"a", &many}}},
		"weight -1: expected a whole":      {Backends: []*Share{{"a", &minus}}},
		"backend \"a\" has two shares":     {Backends: []*Share{{"a", &one}, {"a", &one}}},
		"share 2: it has no name":          {Backends: []*Share{{"a", &one}, nil}},
		"share 1: it has no name":          {Backends: []*Share{{"", &one}}},
		"expected one of the two":          {Backend: "a", Backends: []*Share{{"a", &one}}},
	} {
		_, err := newRouter(ctx, app, []*Rule{r}, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
