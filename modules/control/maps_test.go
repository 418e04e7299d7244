// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// runMap runs a configuration that looks numbers up in a map, and returns the file's name.
func runMap(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "m.map")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	expression, err := json.Marshal("str(a),map_str_int(" + name + ")")
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "ERROR"}}},
		"apps": {"passthrough": {"variables": [{"name": "proc.x", "value": `+string(expression)+`}]}}}`), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	return name
}

func TestPatterns(t *testing.T) {
	name := runMap(t, "a 1\nb 2\na 3\n")
	f, err := PatternFileOf(Maps, name)
	if want := (PatternFile{Kind: Maps, ID: f.ID, File: name, Entries: 3}); err != nil || f != want {
		t.Errorf("%+v, %v; want %+v", f, err, want)
	}
	if all := PatternFiles(Maps); !slices.Equal(all, []PatternFile{f}) || len(PatternFiles(ACLs)) != 0 {
		t.Errorf("%+v", all)
	}
	r := PatternsRef{BySocket, Maps, fmt.Sprint("#", f.ID)}
	version, err := PreparePatterns(r)
	if err != nil {
		t.Fatal(err)
	}
	entries := func(version *int) string {
		list, err := PatternEntries(Maps, name, version)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, e := range list {
			text += e.Key + e.Value + " "
		}
		return text
	}
	for _, step := range []struct {
		what      string
		do        func() error
		now, next string
	}{
		{"add", func() error { return AddPatterns(r, nil, PatternEntry{Key: "c", Value: "4"}) }, "a1 b2 a3 c4 ", ""},
		{"add to the next", func() error { return AddPatterns(r, &version, PatternEntry{Key: "a", Value: "5"}) }, "a1 b2 a3 c4 ", "a5 "},
		{"set", func() error { return SetPattern(r, "a", "6") }, "a6 b2 a6 c4 ", "a6 "},
		{"set one", func() error { return SetPatternID(r, 1, "7") }, "a7 b2 a6 c4 ", "a6 "},
		{"delete one", func() error { return DeletePatternID(r, 3) }, "a7 b2 c4 ", "a6 "},
		{"delete", func() error { return DeletePattern(r, "c") }, "a7 b2 ", "a6 "},
		{"clear the next", func() error { return ClearPatterns(r, &version) }, "a7 b2 ", ""},
		{"add to the next", func() error { return AddPatterns(r, &version, PatternEntry{Key: "d", Value: "8"}) }, "a7 b2 ", "d8 "},
		{"commit", func() error { return CommitPatterns(r, version) }, "d8 ", "d8 "},
		{"clear", func() error { return ClearPatterns(r, nil) }, "", ""},
	} {
		if err := step.do(); err != nil || entries(nil) != step.now || entries(&version) != step.next {
			t.Errorf("%s: %q, next %q, %v; want %q, %q", step.what, entries(nil), entries(&version), err, step.now, step.next)
		}
	}
	if f, err := PatternFileOf(Maps, name); err != nil || f.Set != "runtime" || f.Changes < 8 || f.Version != version || f.NextVersion != version {
		t.Errorf("%+v, %v", f, err)
	}
	if all := Overrides(); len(all) != 1 || all[0].File != name || all[0].Key != "map" || all[0].By != string(BySocket) || all[0].At.IsZero() {
		t.Errorf("overrides: %+v", all)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if n := DropAllOverrides(ByAdmin); n != 0 {
		t.Errorf("%d overrides dropped without the file", n)
	}
	if err := os.WriteFile(name, []byte("a 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := DropAllOverrides(ByAdmin); n != 1 || entries(nil) != "a9 " || len(Overrides()) != 0 {
		t.Errorf("%d overrides dropped, entries %q", n, entries(nil))
	}
	if err := AddPatterns(r, nil, PatternEntry{Key: "b", Value: "1"}); err != nil {
		t.Error(err)
	}
	if n, err := ResetPatterns(r); err != nil || n != 1 || entries(nil) != "a9 " {
		t.Errorf("%d changes dropped, entries %q, %v", n, entries(nil), err)
	}
	matches, err := FindPattern(Maps, name, "a")
	if err != nil || len(matches) != 1 || matches[0].Method != "str" || matches[0].Entry.Value != "9" || !matches[0].Tree || matches[0].ValueType != "sint" {
		t.Errorf("%+v, %v", matches, err)
	}
}

func TestPatternErrors(t *testing.T) {
	name := runMap(t, "a 1\n")
	r, nothing := PatternsRef{ByAdmin, Maps, name}, PatternsRef{ByAdmin, ACLs, name}
	one := 1
	for _, c := range []struct {
		err, kind error
		want      string
	}{
		{AddPatterns(r, nil, PatternEntry{Key: "b", Value: "x"}), ErrInvalid, "unable to parse 'x'"},
		{AddPatterns(r, &one, PatternEntry{Key: "b", Value: "1"}), ErrConflict, "version number in the future: it must be prepared first"},
		{CommitPatterns(r, 1), ErrConflict, "version number out of range"},
		{SetPattern(r, "b", "1"), ErrUnknown, "no such pattern"},
		{DeletePattern(nothing, "a"), ErrUnknown, "acl " + fmt.Sprintf("%q", name) + ": the configuration uses no such file: expected a file's name, or # and its number"},
	} {
		if !errors.Is(c.err, c.kind) || c.err.Error() != c.want {
			t.Errorf("%v, want %s", c.err, c.want)
		}
	}
	if _, err := FindPattern(Maps, "none", "a"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := PatternEntries(Maps, "none", nil); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
