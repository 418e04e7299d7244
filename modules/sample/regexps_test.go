// SPDX-License-Identifier: Apache-2.0

package sample

import "testing"

// Regular expressions match bytes, whatever characters these encode.
func TestRegexpsMatchBytes(t *testing.T) {
	for _, c := range []struct {
		pattern string
		fold    bool
		data    string
		want    bool
	}{
		{"^.$", false, "a", true},
		{"^.$", false, "ä", false},
		{"^..$", false, "ä", true},
		{"^.$", false, "\xff", true},
		{`^\xff$`, false, "\xff", true},
		{"ä", false, "bäb", true},
		{"ä", false, "b\xc3b", false},
		{"^[^a-z]{3}$", false, "\u212a", true},
		{"^k$", true, "K", true},
		{"^k$", true, "\u212a", false},
		{"s", true, "\u017f", false},
	} {
		list, err := newPositions("reg", []string{c.pattern}, c.fold)
		if err != nil {
			t.Fatal(err)
		}
		if got := list.find(Value{data: []byte(c.data)}) == 0; got != c.want {
			t.Errorf("%q, fold %v, on %q: %v", c.pattern, c.fold, c.data, got)
		}
	}
	for text, want := range map[string]string{"abc": "xxx", "ä": "xx", "a\xff": "xx"} {
		expression, err := new(Loader).Expression("str(" + text + "),regsub(.,x,g)")
		if err != nil {
			t.Fatal(err)
		}
		if got, verdict := expression.Eval(new(Input)); verdict != Pass || string(got.data) != want {
			t.Errorf("%q becomes %q (%v), want %q", text, got.data, verdict, want)
		}
	}
}
