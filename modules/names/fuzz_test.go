// SPDX-License-Identifier: Apache-2.0

package names

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var fuzzSeeds = []string{
	"", "\n", "# none\n", "a.b\n*.b\r\n.b # why\n", "\ufeffa.b web\n", "A.B. web eu\na.b web eu\n", "a.b web\na.b api\n",
	"a.b\rc.d", "a#b c", " \t a.b\t#\n", "a..b\n", "a.b web#1 #2\n", "\x00", "b\u00fccher.example web",
}

// FuzzReadList checks the properties of entries, and that writing them out and reading them again
// yields the same entries.
func FuzzReadList(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := ReadList("f", strings.NewReader(text))
		checkRead(t, text, entries, err)
		var plain strings.Builder
		for k, e := range entries {
			if e.Value != "" {
				t.Errorf("%v has a value", e)
			}
			fmt.Fprintln(&plain, e.Pattern)
			entries[k].Line = k + 1
		}
		if again, err := ReadList("f", strings.NewReader(plain.String())); len(entries) > 0 && !cmp.Equal(again, entries) {
			t.Errorf("read again %v, %v; first %v", again, err, entries)
		}
	})
}

// FuzzReadMap checks the same for maps, and that a table built from a map agrees with the
// reference.
func FuzzReadMap(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := ReadMap("f", strings.NewReader(text))
		checkRead(t, text, entries, err)
		var plain strings.Builder
		var table Table
		var mappings []mapping
		for k, e := range entries {
			if e.Value == "" || strings.Trim(e.Value, " \t\r") != e.Value || strings.Contains(e.Value, " #") {
				t.Errorf("value %q", e.Value)
			}
			fmt.Fprintln(&plain, e.Pattern, e.Value)
			m := mapping{e.Pattern, Target{Value: k}}
			add(t, &table, m.pattern, m.to)
			mappings = append(mappings, m)
			entries[k].Line = k + 1
		}
		for _, e := range entries {
			name := strings.Replace(e.Pattern, "*", "zz", 1)
			name = strings.TrimPrefix(name, "+.")
			if strings.HasPrefix(name, ".") {
				name = "a.a" + name
			}
			want, _ := reference(mappings, name)
			if to, ok := table.Lookup([]byte(name)); !ok || to != want {
				t.Errorf("Lookup(%q) = %v, %v; want %v for %v", name, to, ok, want, e)
			}
		}
		if again, err := ReadMap("f", strings.NewReader(plain.String())); len(entries) > 0 && !cmp.Equal(again, entries) {
			t.Errorf("read again %v, %v; first %v", again, err, entries)
		}
	})
}

func checkRead(t *testing.T, text string, entries []Entry, err error) {
	if err != nil && (entries != nil || !strings.HasPrefix(err.Error(), "f:")) || err == nil && len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	last := 0
	for _, e := range entries {
		if e.Line <= last || e.Line > strings.Count(text, "\n")+1 {
			t.Errorf("%v after line %d", e, last)
		}
		last = e.Line
		if normal, err := Validate(e.Pattern); err != nil || normal != e.Pattern {
			t.Errorf("pattern %q: %q, %v", e.Pattern, normal, err)
		}
	}
}
