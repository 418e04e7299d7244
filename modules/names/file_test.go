// SPDX-License-Identifier: Apache-2.0

package names

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReadList(t *testing.T) {
	tests := map[string]struct {
		text string
		want []Entry
	}{
		"one":              {"www.example.com\n", []Entry{{1, "www.example.com", ""}}},
		"no end of line":   {"www.example.com", []Entry{{1, "www.example.com", ""}}},
		"all kinds":        {"a.b\n*.b\n.b\n", []Entry{{1, "a.b", ""}, {2, "*.b", ""}, {3, ".b", ""}}},
		"normal form":      {"WWW.Example.com.\n", []Entry{{1, "www.example.com", ""}}},
		"blanks":           {" \t a.b \t \n\t\n   \nc.d\n", []Entry{{1, "a.b", ""}, {4, "c.d", ""}}},
		"comments":         {"# a list\n#\n\n  # more\na.b # why\nc.d\t#\n", []Entry{{5, "a.b", ""}, {6, "c.d", ""}}},
		"CRLF":             {"# a list\r\n\r\na.b\r\nc.d # why\r\ne.f", []Entry{{3, "a.b", ""}, {4, "c.d", ""}, {5, "e.f", ""}}},
		"byte order mark":  {"\ufeffa.b\n", []Entry{{1, "a.b", ""}}},
		"mark and comment": {"\ufeff# a list\na.b\n", []Entry{{2, "a.b", ""}}},
		"twice":            {"a.b\nA.B\n", []Entry{{1, "a.b", ""}, {2, "a.b", ""}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadList("names.txt", strings.NewReader(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("error %v, entries (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReadListErrors(t *testing.T) {
	tests := map[string]struct {
		text, want string
		pattern    bool
	}{
		"empty":         {"", "names.txt: no names: expected at least one", false},
		"comments only": {"# a list\n\n", "names.txt: no names: expected at least one", false},
		"second word":   {"a.b\n\nc.d  web eu # why\n", `names.txt:3: "web" after the name: expected one name per line`, false},
		"after CR": {
			"a.b\rc.d\r", `names.txt:1: "c.d" after the name: expected one name per line`, false,
		},
		"pattern": {
			"a.b\n\thttps://c.d\n", `names.txt:2: invalid pattern "https://c.d": URL or path, expected a name such as "www.example.com"`, true,
		},
		"number sign": {
			"a.b#c\n", `names.txt:1: invalid pattern "a.b#c": character '#', expected letters, digits, hyphens, underscores and dots`, true,
		},
		"mark within": {
			"a.b\n\ufeffc.d\n", `names.txt:2: invalid pattern "\ufeffc.d": character outside ASCII, expected the "xn--" form of the name`, true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadList("names.txt", strings.NewReader(tt.text))
			checkError(t, got, err, tt.want, tt.pattern)
		})
	}
}

func checkError(t *testing.T, got []Entry, err error, want string, pattern bool) {
	t.Helper()
	if err == nil || err.Error() != want || got != nil {
		t.Errorf("got  %v, %v\nwant %s", got, err, want)
	}
	if errors.Is(err, ErrPattern) != pattern {
		t.Errorf("errors.Is(%v, ErrPattern) = %v", err, !pattern)
	}
}

func TestReadMap(t *testing.T) {
	tests := map[string]struct {
		text string
		want []Entry
	}{
		"one":            {"www.example.com web\n", []Entry{{1, "www.example.com", "web"}}},
		"blanks":         {"\n  a.b \t  web \t\n", []Entry{{2, "a.b", "web"}}},
		"several words":  {"a.b web  eu \n", []Entry{{1, "a.b", "web  eu"}}},
		"comments":       {"# a map\n a.b web # why\nc.d web#1\n", []Entry{{2, "a.b", "web"}, {3, "c.d", "web#1"}}},
		"CRLF":           {"a.b web\r\nc.d api\r\n", []Entry{{1, "a.b", "web"}, {2, "c.d", "api"}}},
		"normal form":    {"*.B. Web.\n", []Entry{{1, "*.b", "Web."}}},
		"same value":     {"a.b web\nA.B.  web # again\n", []Entry{{1, "a.b", "web"}, {2, "a.b", "web"}}},
		"three kinds":    {"b 1\n.b 2\n*.b 3\n", []Entry{{1, "b", "1"}, {2, ".b", "2"}, {3, "*.b", "3"}}},
		"no end of line": {"a.b web", []Entry{{1, "a.b", "web"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadMap("names.map", strings.NewReader(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("error %v, entries (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReadMapErrors(t *testing.T) {
	tests := map[string]struct {
		text, want string
		pattern    bool
	}{
		"empty":    {"\ufeff\r\n# none\r\n", "names.map: no names: expected at least one, with its value", false},
		"no value": {"a.b web\nc.d\n", `names.map:2: no value after "c.d": expected a name and its value`, false},
		"commented value": {
			"c.d # web\n", `names.map:1: no value after "c.d": expected a name and its value`, false,
		},
		"pattern": {
			"a.b web\n:443 web\n", `names.map:2: invalid pattern ":443": port or IPv6 address, expected a name only`, true,
		},
		"two values": {
			"a.b web\n\n*.b web\nA.b. api\n", `names.map:4: "a.b" has the value "api", but "web" in line 1: expected one value per name`, false,
		},
		"third value": {
			"a.b web\na.b web\na.b api\n", `names.map:3: "a.b" has the value "api", but "web" in line 1: expected one value per name`, false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadMap("names.map", strings.NewReader(tt.text))
			checkError(t, got, err, tt.want, tt.pattern)
		})
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, read := range map[string]func(string, io.Reader) ([]Entry, error){"list": ReadList, "map": ReadMap} {
		r := io.MultiReader(strings.NewReader("a.b web\n"), iotest.ErrReader(broken))
		got, err := read("names.txt", r)
		if got != nil || !errors.Is(err, broken) || err.Error() != `reading "names.txt": disk on fire` {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
