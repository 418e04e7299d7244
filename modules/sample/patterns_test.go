// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// positions is a table that finds the position of a pattern, or -1.
type positions struct{ table table }

func newPositions(method string, patterns []string, fold bool) (positions, error) {
	t, err := methodTable(method).build(patternsOf(patterns), fold)
	return positions{t}, err
}

func (p positions) find(v Value) int {
	if found := p.table.find(v); found != nil {
		return int(found.id)
	}
	return -1
}

// referenceFind tries the patterns one after the other, by the documentation of the methods.
func referenceFind(method string, patterns []string, fold bool, s string) int {
	if fold {
		s = strings.ToLower(s)
	}
	best, bestLength := -1, 0
	for k, pattern := range patterns {
		if fold {
			pattern = strings.ToLower(pattern)
		}
		matches := false
		switch method {
		case "str":
			matches = s == pattern
		case "beg":
			if strings.HasPrefix(s, pattern) && len(pattern) > bestLength {
				best, bestLength = k, len(pattern)
			}
		case "end":
			matches = strings.HasSuffix(s, pattern)
		case "sub":
			matches = strings.Contains(s, pattern)
		case "dom":
			matches = hasWord(s, pattern, "/?.:")
		case "dir":
			matches = hasWord(s, pattern, "/?")
		}
		if matches {
			return k
		}
	}
	return best
}

func hasWord(s, pattern, delimiters string) bool {
	pattern = strings.Trim(pattern, delimiters)
	if pattern == "" {
		return false
	}
	between := func(c rune) bool { return strings.ContainsRune(delimiters, c) }
	parts := strings.FieldsFunc(pattern, between)
	if len(parts) == 1 {
		return slices.Contains(strings.FieldsFunc(s, between), pattern)
	}
	// A pattern with inner delimiters must stand between delimiters or ends of the text.
	for at := range len(s) {
		if strings.HasPrefix(s[at:], pattern) && (at == 0 || between(rune(s[at-1]))) &&
			(at+len(pattern) == len(s) || between(rune(s[at+len(pattern)]))) {
			return true
		}
	}
	return false
}

func TestTextTables(t *testing.T) {
	letters := rapid.RuneFrom([]rune("aaabA../?:"))
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(rapid.StringOfN(letters, 1, 4, -1), 0, 30).Draw(t, "patterns")
		fold := rapid.Bool().Draw(t, "fold")
		s := rapid.StringOfN(letters, 0, 8, -1).Draw(t, "text")
		for _, method := range []string{"str", "beg", "end", "sub", "dom", "dir"} {
			table, err := newPositions(method, patterns, fold)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := table.find(Text(s)), referenceFind(method, patterns, fold, s); got != want {
				t.Fatalf("%s: %d, want %d", method, got, want)
			}
		}
	})
}

// TestLongTexts folds texts that need an allocation.
func TestLongTexts(t *testing.T) {
	long := strings.Repeat("Ab", foldedOnStack)
	for _, method := range []string{"str", "beg", "end", "sub", "dom", "dir"} {
		table, err := newPositions(method, []string{"x", strings.ToUpper(long)}, true)
		if err != nil || table.find(Text(long)) != 1 || table.find(Text(long[1:])) != -1 {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// TestManySubstrings has too many patterns to try one after the other.
func TestManySubstrings(t *testing.T) {
	var patterns []string
	for k := range 100 {
		patterns = append(patterns, fmt.Sprintf("x%03d", k))
	}
	table, err := newPositions("sub", append(patterns, "x05", "050y"), false)
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]int{"ax050ya": 50, "050y": 101, "ax05": 100, "x0": -1, "": -1, "x099x007": 7} {
		if got := table.find(Text(s)); got != want {
			t.Errorf("%s: %d, want %d", s, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	for pattern, numbers := range map[string][2][]int64{
		"5": {{5}, {4, 6, -5}}, "1:5": {{1, 3, 5}, {0, 6}}, "1-5": {{1, 3, 5}, {0, 6}}, ":5": {{5, 0, -9}, {6}}, "-5": {{5, 0, -9}, {6}},
		"5:": {{5, 99}, {4}}, "5-": {{5, 99}, {4}}, ":-5": {{-5, -6}, {-4, 0}}, "--5": {{-5}, {-4}}, "5:5": {{5}, {4, 6}}, "007": {{7}, {6}},
	} {
		table, err := newPositions("int", []string{pattern}, false)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		for k, list := range numbers {
			for _, n := range list {
				if got := table.find(Integer(n)); got != -k {
					t.Errorf("%d in %s: %d", n, pattern, got)
				}
			}
		}
	}
	for _, pattern := range []string{"", "x", "1x", ":", "-", "5:1", "1:5:9", "1:-5", "+5", ":+5", "99999999999999999999", ":x", "x:"} {
		if _, err := newPositions("int", []string{"1", pattern}, false); err == nil {
			t.Errorf("%q is a range", pattern)
		}
	}
}

func TestOperators(t *testing.T) {
	for words, want := range map[string]string{
		"5 6": "5 6", "eq 5": "5", "ge 5": "5:", "gt 5": "6:", "le 5": ":5", "lt 5": ":4", "lt 0": ":-1", "gt 5 7 eq 9 lt 3": "6: 8: 9 :2",
		"gt 1:5 -3": "1:5 -3", "gt 9223372036854775807": "9223372036854775807:", "ge 1.5": "1:", "gt": "", "": "",
	} {
		got, err := operatorsToRanges(strings.Fields(words), false)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v; want %s", words, got, err, want)
		}
	}
	for words, want := range map[string]string{
		"3.1": "3.1", "ge 3.1": "3.1:", "gt 3.1": "3.2:", "gt 3.65535": "4.0:", "lt 3.0": ":2.65535", "le 3": ":3.0", "lt 0": ":-1.65535",
		"gt 3.0-3.1": "3.0-3.1",
	} {
		got, err := operatorsToRanges(strings.Fields(words), true)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v; want %s", words, got, err, want)
		}
		if _, err = newPositions(methodDotted, got, false); err != nil {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestVersions(t *testing.T) {
	for words, versions := range map[string][2][]int64{
		"3.1": {{0x30001}, {0x30000, 0x30002}}, "3": {{0x30000}, {0x30001}}, "ge 3.3": {{0x30003, 0x40000}, {0x30002}},
		"lt 3": {{2, 0x2ffff}, {0x30000}}, "3.0-3.2": {{0x30000, 0x30002}, {0x30003}}, "lt 0": {{}, {0, 1}},
	} {
		patterns, err := operatorsToRanges(strings.Fields(words), true)
		if err != nil {
			t.Fatal(err)
		}
		table, err := newPositions(methodDotted, patterns, false)
		if err != nil {
			t.Fatal(err)
		}
		for k, list := range versions {
			for _, version := range list {
				if got := table.find(Integer(version)); got != -k {
					t.Errorf("%x in %s: %d", version, words, got)
				}
			}
		}
	}
}

// TestAddresses compares lookups with a scan of all networks, of which the longest counts.
func TestAddresses(t *testing.T) {
	network := rapid.Custom(func(t *rapid.T) string {
		if rapid.Bool().Draw(t, "four") {
			return fmt.Sprintf("10.%d.0.%d/%d", rapid.IntRange(0, 2).Draw(t, "b"), rapid.IntRange(0, 2).Draw(t, "d"), rapid.IntRange(0, 32).Draw(t, "bits"))
		}
		host := rapid.SampledFrom([]string{"::ffff:10.0.0.1", "::ffff:10.1.0.0", "::1", "2001:db8::", "::"}).Draw(t, "host")
		return fmt.Sprintf("%s/%d", host, rapid.IntRange(0, 128).Draw(t, "bits"))
	})
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(network, 0, 8).Draw(t, "patterns")
		host := rapid.SampledFrom([]string{"10.0.0.1", "10.1.0.2", "11.0.0.0", "::ffff:10.0.0.1", "::1", "2001:db8::1", "::ffff:11.0.0.0"}).Draw(t, "host")
		table, err := newPositions("ip", patterns, false)
		if err != nil {
			t.Fatal(err)
		}
		a := netip.MustParseAddr(host)
		mapped := netip.AddrFrom16(a.As16())
		best := [2]int{-1, -1} // by the family that is looked up first
		bits := [2]int{-1, -1}
		for k, pattern := range patterns {
			prefix := parsePrefix(t, pattern)
			family, one := 0, a
			if prefix.Addr().Is4() != a.Is4() {
				family, one = 1, mapped
				if prefix.Addr().Is4() {
					one = a.Unmap()
				}
			}
			if contains(prefix, one) && prefix.Bits() > bits[family] {
				best[family], bits[family] = k, prefix.Bits()
			}
		}
		want := best[0]
		if want < 0 && a.Unmap().Is4() {
			want = best[1]
		}
		if got := table.find(Address(a)); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

func parsePrefix(t *rapid.T, s string) netip.Prefix {
	host, bits, _ := strings.Cut(s, "/")
	var n int
	if _, err := fmt.Sscan(bits, &n); err != nil {
		t.Fatal(err)
	}
	return netip.PrefixFrom(netip.MustParseAddr(host), n)
}

// contains is Prefix.Contains with IPv6-mapped addresses as IPv6.
func contains(p netip.Prefix, a netip.Addr) bool {
	masked, err := a.Prefix(p.Bits())
	return err == nil && p.Addr().BitLen() == a.BitLen() && masked.Addr() == p.Masked().Addr()
}

func TestNonPrefixMasks(t *testing.T) {
	table, err := newPositions("ip", []string{"10.0.0.1/255.0.0.255", "10.1.0.0/16", "0.0.0.5/0.0.0.255"}, false)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"10.9.9.1": 0, "10.1.0.1": 1, "10.9.9.2": -1, "11.1.1.5": 2, "::ffff:10.9.9.1": 0, "::5": -1, "10.9.9.5": 2,
	} {
		if got := table.find(addr(host)); got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
}

func TestNetworks(t *testing.T) {
	for pattern, want := range map[string]string{
		"10.1.2.3": "10.1.2.3/32", "10.1.2.3/8": "10.1.2.3/8", "10.1.2.3/255.255.0.0": "10.1.2.3/16", "::1": "::1/128", "::1/0": "::1/0",
		"10.1.2.3/0": "10.1.2.3/0", "0.0.0.0/0.0.0.0": "0.0.0.0/0",
	} {
		a, mask, err := readNetwork(pattern)
		bits, ok := maskBits(mask)
		if got := netip.PrefixFrom(a, bits).String(); err != nil || !ok || got != want {
			t.Errorf("%s: %s, %v", pattern, got, err)
		}
	}
	for _, pattern := range []string{"", "/8", "10.1.2.3/", "10.1.2.3/33", "10.1.2.3/-1", "::1/129", "::1/", "::1%lo", "1:2", "10.1.2.3/::1", "a b", "a/b/c/:"} {
		if _, _, err := readNetwork(pattern); err == nil || isUnsupported(err) != (pattern == "a/b/c/:") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	for _, pattern := range []string{"a.example", "10", "10.1/8", "300.1.2.3", "a_b"} {
		if _, _, err := readNetwork(pattern); !isUnsupported(err) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestMethodsOfValues(t *testing.T) {
	for text, want := range map[string]Verdict{
		"str(a) -m found": Pass, "str() -m found": Pass, "str() -m found x": Pass, "int(0) -m bool": Fail, "int(2) -m bool": Pass, "int(-2) -m bool": Pass,
		"bool(0)": Fail, "bool(1) whatever": Pass, "str(5) -m int 5": Pass, "str() -m int 0": Fail, "str(5) -m len 1": Pass, "int(55) -m len 2": Pass,
		"bin(6100) -m len 1": Pass, "bin(6100) -m bin 6100": Pass, "bin(6100) -m bin 61": Fail, "str(a) -m bin 61": Pass, "str(A) -i -m bin 61": Fail,
		"str(1.2.3.4) -m ip 1.2.3.0/24": Pass, "str(x) -m ip 0.0.0.0/0": Fail, "src -m str 10.1.2.3": Pass, "src -m int 167838211": Pass,
		"str(aXb) -m reg X": Pass, "str(axb) -m reg X": Fail, "str(axb) -i -m reg X": Pass, "str(ab) -m reg ^b": Fail, "str(x) a b x": Pass,
		"req.ssl_ver -m str 196611": Pass, "req.ssl_ver,add(0) 196611": Pass, "req.ssl_ver 3.3": Pass, "int(5) -m ip 0.0.0.5": Pass,
		"var(txn.seven) -m int 7": Pass, "var(txn.name) -m ip ::1": Fail, "payload(0,1) 16": Pass, "payload_lv(3,2),hex -m beg 0100": Pass,
		"str(a.b) -m dom .": Fail, "str(a.b) -m dom . b": Pass, "str(www.a) -m dom www": Pass, "str(/a?b) -m dir b": Pass,
	} {
		if got := mustLoad(t, strings.Fields(text)).Match(testInput(true)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
