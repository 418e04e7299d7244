// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"math"
	"net/netip"
	"slices"
	"testing"
)

func addr(s string) Value { return Address(netip.MustParseAddr(s)) }

func TestValueString(t *testing.T) {
	for want, v := range map[string]Value{
		"":               {},
		"abc":            Text("abc"),
		"a\x00b":         Text("a\x00b"),
		"ab":             Binary([]byte("ab\x00c")),
		"-5":             Integer(-5),
		"1":              Boolean(true),
		"0":              Boolean(false),
		"10.1.2.3":       addr("10.1.2.3"),
		"2001:db8::1":    addr("2001:db8::1"),
		"::ffff:1.2.3.4": addr("::ffff:1.2.3.4"),
		"fe80::1":        addr("fe80::1%eth0"),
	} {
		if got := v.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestValueParts(t *testing.T) {
	if v := Text("a"); v.Kind() != Str || string(v.Bytes()) != "a" {
		t.Error(v)
	}
	if v := Binary([]byte("a")); v.Kind() != Bin || string(v.Bytes()) != "a" {
		t.Error(v)
	}
	if v := Integer(7); v.Kind() != Int || v.Int() != 7 || v.Bytes() != nil {
		t.Error(v)
	}
	if v := Boolean(true); v.Kind() != Bool || v.Int() != 1 {
		t.Error(v)
	}
	if v := addr("::1"); v.Kind() != IP || v.Addr() != netip.IPv6Loopback() {
		t.Error(v)
	}
	if (Value{}).Kind() != None {
		t.Error("the zero Value is of a kind")
	}
}

func TestCloneOwnsItsBytes(t *testing.T) {
	b := []byte("abc")
	view := Binary(b)
	clone := view.Clone()
	b[0] = 'x'
	if view.String() != "xbc" || clone.String() != "abc" {
		t.Errorf("%s, %s", view, clone)
	}
}

func TestCast(t *testing.T) {
	none := Value{}
	for _, c := range []struct {
		from Value
		to   valueType
		want Value
	}{
		{Text("12x"), typeInt, Integer(12)},
		{Text("x"), typeInt, Integer(0)},
		{Text(""), typeInt, none},
		{Text("-3"), typeBool, Boolean(true)},
		{Text("0"), typeBool, Boolean(false)},
		{Integer(3), typeBool, Boolean(true)},
		{Boolean(true), typeInt, Integer(1)},
		{Boolean(true), typeStr, Text("1")},
		{Integer(258), typeBin, Binary([]byte{0, 0, 0, 0, 0, 0, 1, 2})},
		{Integer(-1), typeBin, Binary([]byte{255, 255, 255, 255, 255, 255, 255, 255})},
		{Integer(0x0a010203), typeAddr, addr("10.1.2.3")},
		{Integer(0x0a010203), typeIPv4, addr("10.1.2.3")},
		{Integer(0x0a010203), typeIPv6, addr("::ffff:10.1.2.3")},
		{Boolean(true), typeAddr, none},
		{Text("10.1.2.3"), typeAddr, addr("10.1.2.3")},
		{Text("::1"), typeAddr, addr("::1")},
		{Text("::1%lo"), typeAddr, none},
		{Text("10.1.2"), typeAddr, none},
		{Text("10.1.2.3"), typeIPv4, addr("10.1.2.3")},
		{Text("::ffff:10.1.2.3"), typeIPv4, none},
		{Text("10.1.2.3"), typeIPv6, none},
		{Text("::1"), typeIPv6, addr("::1")},
		{addr("10.1.2.3"), typeInt, Integer(0x0a010203)},
		{addr("::1"), typeInt, none},
		{addr("10.1.2.3"), typeBool, none},
		{addr("10.1.2.3"), typeIPv6, addr("::ffff:10.1.2.3")},
		{addr("::ffff:10.1.2.3"), typeIPv4, addr("10.1.2.3")},
		{addr("::1"), typeIPv4, none},
		{addr("::1"), typeAddr, addr("::1")},
		{addr("10.1.2.3"), typeBin, Binary([]byte{10, 1, 2, 3})},
		{addr("10.1.2.3"), typeStr, Text("10.1.2.3")},
		{Binary([]byte("a\x00b")), typeStr, Text("a")},
		{Binary([]byte("a\x00b")), typeBin, Binary([]byte("a\x00b"))},
		{Binary([]byte("1")), typeInt, none},
		{Binary([]byte("1234")), typeAddr, none},
		{Text("a"), typeBin, Binary([]byte("a"))},
		{Text("a"), typeAny, Text("a")},
		{none, typeInt, none},
		{none, typeStr, none},
		{none, typeBin, none},
		{none, typeAddr, none},
	} {
		got, ok := cast(c.from, c.to)
		if ok != (c.want.kind != None) || ok && !equal(got, c.want) {
			t.Errorf("%v %q to %v: %v %q, %v; want %v %q", c.from.kind, c.from, c.to, got.kind, got, ok, c.want.kind, c.want)
		}
	}
}

func equal(a, b Value) bool {
	return a.kind == b.kind && a.number == b.number && a.addr == b.addr && slices.Equal(a.data, b.data)
}

// TestImpossibleCastsFail compares the table of casts with cast: casts that it forbids never
// succeed.
func TestImpossibleCastsFail(t *testing.T) {
	values := map[valueType][]Value{
		typeBool: {Boolean(true), Boolean(false)},
		typeInt:  {Integer(0), Integer(math.MaxInt64)},
		typeIPv4: {addr("10.1.2.3")},
		typeIPv6: {addr("::1")},
		typeStr:  {Text("1"), Text("10.1.2.3"), Text("::1")},
		typeBin:  {Binary([]byte("1")), Binary([]byte{1, 2, 3, 4})},
	}
	for from, list := range values {
		for to := typeAny; to <= typeBin; to++ {
			works := false
			for _, v := range list {
				_, ok := cast(v, to)
				works = works || ok
			}
			if works && !from.castsTo(to) {
				t.Errorf("%v to %v works and is forbidden", from, to)
			}
			if !works && from.castsTo(to) && (from != typeIPv6 || to != typeIPv4) {
				t.Errorf("%v to %v is permitted and never works", from, to)
			}
		}
	}
}

func TestCappedNumbers(t *testing.T) {
	const most, least = math.MaxInt64, math.MinInt64
	for _, c := range []struct{ got, want int64 }{
		{addCapped(most, 1), most},
		{addCapped(most, -1), most - 1},
		{addCapped(least, -1), least},
		{addCapped(-1, -1), -2},
		{addCapped(most-1, 1), most},
		{addCapped(least+1, -1), least},
		{addCapped(least, most), -1},
		{addCapped(least, least), least},
		{subCapped(0, least), most},
		{subCapped(-1, least), most},
		{subCapped(-2, most), least},
		{subCapped(least, 1), least},
		{subCapped(5, 7), -2},
		{subCapped(least, least), 0},
		{subCapped(most, -1), most},
		{mulCapped(most, 2), most},
		{mulCapped(most, -2), least},
		{mulCapped(least, -1), most},
		{mulCapped(least, 1), least},
		{mulCapped(-3, 4), -12},
		{mulCapped(-3, -4), 12},
		{mulCapped(0, least), 0},
		{mulCapped(1<<62, -2), least},
		{mulCapped(1<<32, 1<<32), most},
		{mulCapped(-1<<32, 1<<32), least},
		{divide(7, 0), most},
		{divide(least, -1), most},
		{divide(-7, 2), -3},
		{divide(7, -1), -7},
		{remainder(7, 0), 0},
		{remainder(least, -1), 0},
		{remainder(-7, 2), -1},
	} {
		if c.got != c.want {
			t.Errorf("%d, want %d", c.got, c.want)
		}
	}
}

func TestLeadingInt(t *testing.T) {
	for s, want := range map[string]struct {
		n    int64
		rest string
	}{
		"": {0, ""}, "x": {0, "x"}, "12": {12, ""}, "12x": {12, "x"}, "-12": {-12, ""}, "+12": {12, ""}, "-": {0, ""}, "--1": {0, "-1"},
		"9223372036854775807": {math.MaxInt64, ""}, "9223372036854775808": {math.MaxInt64, ""},
		"-9223372036854775808": {math.MinInt64, ""}, "-99999999999999999999999": {math.MinInt64, ""}, "007": {7, ""},
	} {
		if n, rest := leadingInt(s); n != want.n || rest != want.rest {
			t.Errorf("%q: %d, %q; want %d, %q", s, n, rest, want.n, want.rest)
		}
	}
}
