// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestReadLines(t *testing.T) {
	const content = "# comment\n\n a b \t c \t\r\n\t# no comment\nkey\n   \nlast value"
	pairs := []line{{"a", "b \t c", 3}, {"#", "no comment", 4}, {"key", "", 5}, {"last", "value", 7}}
	list := []line{{"a b \t c \t", "", 3}, {"# no comment", "", 4}, {"key", "", 5}, {"last value", "", 7}}
	if got := readLines([]byte(content), true); !reflect.DeepEqual(got, pairs) {
		t.Errorf("%+v", got)
	}
	if got := readLines([]byte(content), false); !reflect.DeepEqual(got, list) {
		t.Errorf("%+v", got)
	}
	if got := readLines(nil, true); got != nil {
		t.Errorf("%+v", got)
	}
}

// TestFilesAreReadOnce uses a file in several ACLs and in several maps: it is read once as each.
func TestFilesAreReadOnce(t *testing.T) {
	f := &files{content: map[string]string{"f": "1 2\n"}}
	l := &Loader{Open: f.open}
	for _, text := range []string{
		"src,lower,map(f)", "src,lower,map_str(f,x)", "src,lower,map_end(f)", "src,lower,map_str_int(f)", "src,lower,map_str_key(f)",
	} {
		mustExpression(t, l, text)
	}
	for range 2 {
		if _, err := l.Criterion(Criterion{Fetch: "str(a)", Files: []string{"f"}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Criterion(Criterion{Fetch: "str(a)", IgnoreCase: true, Files: []string{"f", "f"}}); err != nil {
		t.Fatal(err)
	}
	if f.opened["f"] != 2 {
		t.Errorf("opened %d times", f.opened["f"])
	}
	pairs, list := l.files[fileKey{"f", true}], l.files[fileKey{"f", false}]
	if len(pairs.indexes) != 2 || len(pairs.values) != 1 || len(list.indexes) != 2 {
		t.Errorf("indexes: %d of the map, %d of the list; %d types of values", len(pairs.indexes), len(list.indexes), len(pairs.values))
	}
}

// TestListsAndPairs uses one file both ways: as a list its lines are the patterns, as a map the
// patterns are the keys.
func TestListsAndPairs(t *testing.T) {
	f := &files{content: map[string]string{"f": "a b\n"}}
	l := &Loader{Open: f.open}
	acl, err := l.Criterion(Criterion{Fetch: "str('a b')", Files: []string{"f"}})
	if err != nil || acl.Match(&Input{}) != Pass {
		t.Errorf("%v", err)
	}
	if v, verdict := mustExpression(t, l, "str(a),map(f)").Eval(&Input{}); verdict != Pass || v.String() != "b" {
		t.Errorf("%v, %v", v, verdict)
	}
}

func TestFileNames(t *testing.T) {
	denied := &Loader{Open: func(string) ([]byte, error) { return nil, fs.ErrPermission }}
	f := &files{content: map[string]string{"f": "a b\n"}}
	l := &Loader{Open: f.open}
	for name, want := range map[string]string{
		"f": "b", "file@f": "b", "opt@f": "b", "virt@f": "none", "opt@none": "none",
	} {
		if v, _ := mustExpression(t, l, "str(a),map("+name+",none)").Eval(&Input{}); v.String() != want {
			t.Errorf("%s: %s", name, v)
		}
		if _, err := l.Criterion(Criterion{Fetch: "str(a)", Files: []string{name}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f.opened["opt@none"]+f.opened["virt@f"] > 0 || f.opened["none"] == 0 {
		t.Error(f.opened)
	}
	if _, err := l.Expression("str(a),map(file@none)"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "failed to open pattern file <none>") {
		t.Error(err)
	}
	if _, err := denied.Expression("str(a),map(opt@f)"); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	if _, err := denied.Criterion(Criterion{Fetch: "str(a)", Files: []string{"f"}}); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

// TestOpenByDefault reads from the file system.
func TestOpenByDefault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m")
	if err := os.WriteFile(file, []byte("a b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, _ := mustExpression(t, new(Loader), "str(a),map("+file+")").Eval(&Input{}); v.String() != "b" {
		t.Error(v)
	}
}

func TestErrorsInFiles(t *testing.T) {
	f := &files{content: map[string]string{"f": "# comment\n\n10.0.0.0/8 x\nx.example 5\n", "n": "5\nge\n", "r": "a\n\n[\n"}}
	l := &Loader{Open: f.open}
	for _, c := range []struct {
		criterion Criterion
		want      string
	}{
		{Criterion{Fetch: "src,map_ip(f)"}, "the host name 'x.example' as a pattern for addresses is not supported: names are not resolved at line 4 of file 'f'"},
		{Criterion{Fetch: "src,lower,map_str_int(f)"}, "unable to parse 'x' at line 3 of file 'f'"},
		{Criterion{Fetch: "src,lower,map_str_ip(opt@f,::1)"}, "unable to parse 'x' at line 3 of file 'f'"},
		{Criterion{Fetch: "src_port", Files: []string{"n"}}, "'ge' is not a number at line 2 of file 'n'"},
		{Criterion{Fetch: "str(a)", Method: "reg", Files: []string{"r"}}, "(error=missing closing ]: '[') at line 3 of file 'r'"},
		{Criterion{Fetch: "req.ssl_ver", Files: []string{"f"}}, "'10.0.0.0/8 x' is not a dotted number at line 3 of file 'f'"},
	} {
		if _, err := l.Criterion(c.criterion); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.criterion, err, c.want)
		}
	}
	if _, err := l.Criterion(Criterion{Fetch: "src,map_ip(f)"}); !isUnsupported(err) {
		t.Error(err)
	}
}

// In files, versions cannot have operators.
func TestNoOperatorsInVersionFiles(t *testing.T) {
	f := &files{content: map[string]string{"v": "3.0-3.2\n3.3\n"}}
	acl, err := (&Loader{Open: f.open}).Criterion(Criterion{Fetch: "req.ssl_ver", Files: []string{"v"}})
	if err != nil || acl.Match(testInput(false)) != Pass {
		t.Error(err)
	}
}
