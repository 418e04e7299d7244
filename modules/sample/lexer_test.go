// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestLexArgs(t *testing.T) {
	for _, c := range []struct {
		text string
		args []string
		end  int
	}{
		{"", nil, 0},
		{",x", nil, 0},
		{"()", []string{""}, 1},
		{"(a)", []string{"a"}, 2},
		{"(a,b)x", []string{"a", "b"}, 4},
		{"(a,)", []string{"a", ""}, 3},
		{"(,)", []string{"", ""}, 2},
		{"(a", []string{"a"}, 2},
		{"(", []string{""}, 1},
		{"( a )", []string{" a "}, 4},
		{`("a,b",'c)d')`, []string{"a,b", "c)d"}, 12},
		{`(a"b"c'd')`, []string{"abcd"}, 9},
		{`("it's",'"')`, []string{"it's", `"`}, 11},
		{`(\",\',\\,\ )`, []string{`"`, "'", `\`, " "}, 12},
		{`(\r\n\t)`, []string{"\r\n\t"}, 7},
		{`("\n\"")`, []string{"\n\""}, 7},
		{`('\n\')`, []string{`\n\`}, 6},
		{`(\d\1\x)`, []string{`\d\1\x`}, 7},
		{`(\,)`, []string{`\`, ""}, 3},
		{`("a`, []string{"a"}, 3},
	} {
		raw, end, opened, err := lexArgs(c.text, 0, math.MaxInt)
		var args []string
		for _, one := range raw {
			args = append(args, one.text)
		}
		if err != nil || opened != (c.args != nil) || end != c.end || !slices.Equal(args, c.args) {
			t.Errorf("%s: %q to %d, %v; want %q to %d", c.text, args, end, err, c.args, c.end)
		}
	}
}

func TestLexArgsStopsAtTheLimit(t *testing.T) {
	for limit, want := range map[int]int{0: 1, 1: 2, 2: 4, 3: 6, 4: 6} {
		args, end, _, err := lexArgs("(a,b,c)", 0, limit)
		if err != nil || len(args) != min(limit, 3) || end != want {
			t.Errorf("%d: %v to %d, %v; want to %d", limit, args, end, err, want)
		}
	}
}

func TestLexArgsRefusesTrailingBackslash(t *testing.T) {
	if _, _, _, err := lexArgs(`(a\`, 0, 1); !errors.Is(err, errBackslash) {
		t.Error(err)
	}
	if got, want := loadError([]string{`str(a\`}), `fetch method 'str' : failed to parse '\' after 'a' as type 'string' at `+
		`position 1 in ACL expression 'str(a\'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestQuoteArg reads quoted arguments back.
func TestQuoteArg(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab,()[]'\"\\ \n\trtn"))).Draw(t, "text")
		args, _, _, err := lexArgs("("+quoteArg(text)+","+quoteArg(text)+")", 0, math.MaxInt)
		if err != nil || len(args) != 2 || args[0].text != text || args[1].text != text {
			t.Fatalf("%q as %s: %v, %v", text, quoteArg(text), args, err)
		}
	})
	if got := quoteArg("/etc/a-b.map"); got != "/etc/a-b.map" {
		t.Error(got)
	}
}

func TestArgListString(t *testing.T) {
	for want, list := range map[string]argList{
		"":                           takes(0),
		"(integer)":                  takes(1, argInt),
		"([integer])":                takes(0, argInt),
		"(integer,string[,integer])": takes(2, argInt, argStr, argInt),
		"(IPv4 mask[,IPv6 mask])":    takes(1, argMask4, argMask6),
	} {
		if got := list.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
