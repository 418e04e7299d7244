// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// textMethods are the methods that any text is a pattern of.
var textMethods = []string{"str", "beg", "end", "sub", "dom", "dir"}

// TestEditedIndexes edits patterns at random, and compares each index with one that is built anew.
func TestEditedIndexes(t *testing.T) {
	key := rapid.StringOfN(rapid.RuneFrom([]rune("abA./")), 1, 3, -1)
	network := rapid.SampledFrom([]string{"10.0.0.0/8", "10.0.0.0/16", "10.0.0.1", "10.0.0.1/255.0.0.255", "::/0", "::1", "::ffff:10.0.0.0/104"})
	rapid.Check(t, func(t *rapid.T) {
		addresses := rapid.Bool().Draw(t, "addresses")
		keys, methods := key, textMethods
		if addresses {
			keys, methods = network, []string{"ip"}
		}
		s := NewPatterns("f", []byte(strings.Join(rapid.SliceOfN(keys, 0, 5).Draw(t, "file"), " v\n")), true)
		var indexes []*index
		for _, method := range methods {
			for _, fold := range []bool{false, true} {
				x, err := s.index(indexKey{method, fold})
				if err != nil {
					t.Fatal(err)
				}
				indexes = append(indexes, x)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if err := s.Add(Pair{keys.Draw(t, "key"), "v"}, Pair{keys.Draw(t, "key"), "w"}); err != nil {
					t.Fatal(err)
				}
			},
			"delete": func(t *rapid.T) {
				key := keys.Draw(t, "key")
				before := s.List()
				n, err := s.DeleteKey(key)
				want := slices.DeleteFunc(before, func(p *Pattern) bool { return p.Key() == key })
				if !slices.Equal(s.List(), want) || (n == 0) != errors.Is(err, ErrNoPattern) {
					t.Fatalf("%d deleted, %d left, %v", n, s.Len(), err)
				}
			},
			"delete one": func(t *rapid.T) {
				if list := s.List(); len(list) > 0 {
					if err := s.DeleteID(rapid.SampledFrom(list).Draw(t, "pattern").ID()); err != nil {
						t.Fatal(err)
					}
				}
			},
			"commit": func(t *rapid.T) {
				version := s.Prepare()
				if err := s.AddTo(version, Pair{keys.Draw(t, "key"), "x"}, Pair{keys.Draw(t, "key"), "y"}); err != nil {
					t.Fatal(err)
				}
				if err := s.Commit(version); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				v := Text(keys.Draw(t, "text") + keys.Draw(t, "more"))
				if addresses {
					v = addr(rapid.SampledFrom([]string{"10.0.0.1", "10.1.1.1", "::1", "11.0.0.0", "::ffff:10.0.0.1"}).Draw(t, "address"))
				}
				for _, x := range indexes {
					anew, err := x.build(s.List())
					if err != nil {
						t.Fatal(err)
					}
					if got, want := x.find(v), anew.find(v); got != want {
						t.Fatalf("%s, fold %v: %v in %v: %v, want %v", x.method, x.fold, v, s.List(), got, want)
					}
				}
			},
		})
	})
}

// testMap returns a map and an expression that looks up "a" in it.
func testMap(t *testing.T, converter, content string) (*Patterns, func() string) {
	t.Helper()
	l := &Loader{Open: (&files{content: map[string]string{"f": content}}).open}
	e := mustExpression(t, l, "str(a),"+converter+"(f)")
	return l.files[fileKey{"f", true}].Patterns, func() string {
		v, _ := e.Eval(&Input{})
		return v.String()
	}
}

func TestEditMap(t *testing.T) {
	s, a := testMap(t, "map", "a 1\na 2\nb 3\n")
	first, second := s.List()[0], s.List()[1]
	for _, step := range []struct {
		what string
		do   func() error
		want string
	}{
		{"nothing", func() error { return nil }, "1"},
		{"set all a", func() error { _, err := s.SetKey("a", "7"); return err }, "7"},
		{"set the second", func() error { return s.SetID(second.ID(), "8") }, "7"},
		{"delete the first", func() error { return s.DeleteID(first.ID()) }, "8"},
		{"add another", func() error { return s.Add(Pair{"a", "9"}) }, "8"},
		{"delete all a", func() error { _, err := s.DeleteKey("a"); return err }, ""},
		{"add again", func() error { return s.Add(Pair{"a", "10"}) }, "10"},
		{"clear", func() error { s.Clear(); return nil }, ""},
		{"reset", func() error { return s.Reset([]byte("a file\n")) }, "file"},
	} {
		if err := step.do(); err != nil || a() != step.want {
			t.Errorf("%s: %q, %v; want %q", step.what, a(), err, step.want)
		}
	}
	if s.Edits() != 0 || s.Len() != 1 {
		t.Errorf("%d edits, %d pairs after a reset", s.Edits(), s.Len())
	}
}

func TestVersionsOfMap(t *testing.T) {
	s, a := testMap(t, "map", "a 1\n")
	if s.Prepare() != 1 || s.Prepare() != 2 {
		t.Fatal("the versions are not 1 and 2")
	}
	for version, want := range map[int]error{1: nil, 2: nil, 3: ErrNotPrepared, -1: ErrVersion} {
		if err := s.AddTo(version, Pair{"a", fmt.Sprint("v", version)}); !errors.Is(err, want) {
			t.Errorf("adding to version %d: %v, want %v", version, err, want)
		}
	}
	if a() != "1" || len(s.ListVersion(2)) != 1 || len(s.ListVersion(0)) != 1 || len(s.ListVersion(9)) != 0 {
		t.Errorf("before commit: %s", a())
	}
	s.ClearVersion(1)
	if err := s.AddTo(1, Pair{"a", "again"}); err != nil {
		t.Error(err)
	}
	if n, err := s.SetKey("a", "all"); n != 3 || err != nil {
		t.Errorf("set in all versions: %d, %v", n, err)
	}
	for _, version := range []int{0, 3, -1} {
		if err := s.Commit(version); !errors.Is(err, ErrVersion) {
			t.Errorf("committing version %d: %v", version, err)
		}
	}
	if err := s.Commit(2); err != nil || a() != "all" {
		t.Errorf("after commit: %s, %v", a(), err)
	}
	if current, next := s.Versions(); current != 2 || next != 2 || len(s.ListVersion(1)) != 0 {
		t.Errorf("versions %d, %d", current, next)
	}
	s.ClearVersion(2)
	if a() != "" {
		t.Error("the current version is not cleared")
	}
}

// TestRefusedEdits makes edits that do not suit a user of the map. They change nothing.
func TestRefusedEdits(t *testing.T) {
	s, a := testMap(t, "map_str_int", "a 1\n")
	if _, err := s.index(indexKey{method: "reg"}); err != nil {
		t.Fatal(err)
	}
	list := NewPatterns("l", nil, false)
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { return s.Add(Pair{"b", "2"}, Pair{"c", "x"}) }, "unable to parse 'x'"},
		{func() error { return s.Add(Pair{"b", "2"}, Pair{"[", "2"}) }, "regex '[' is invalid"},
		{func() error { return s.Add(Pair{"", "2"}) }, "an empty pattern"},
		{func() error { _, err := s.SetKey("a", "x"); return err }, "unable to parse 'x'"},
		{func() error { _, err := s.SetKey("b", "1"); return err }, "no such pattern"},
		{func() error { return s.SetID(9, "1") }, "no such pattern"},
		{func() error { _, err := s.DeleteKey("b"); return err }, "no such pattern"},
		{func() error { return s.DeleteID(9) }, "no such pattern"},
		{func() error { return s.Reset([]byte("b 2\nc x\n")) }, "unable to parse 'x' at line 2 of file 'f'"},
		{func() error { return s.Reset([]byte("b 2\n[ 1\n")) }, "at line 2 of file 'f'"},
		{func() error { return list.Add(Pair{"a", "1"}) }, "have no values"},
		{func() error { _, err := list.SetKey("a", "1"); return err }, "have no values"},
	} {
		if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if s.Edits() != 0 || s.Len() != 1 || a() != "1" {
		t.Errorf("%d edits, %d pairs, a is %s", s.Edits(), s.Len(), a())
	}
}

// TestClosedView makes edits that only suit the view that remains.
func TestClosedView(t *testing.T) {
	s := NewPatterns("f", []byte("1 2\n"), true)
	numbers, texts := NewView(s), NewView(s)
	for _, err := range []error{numbers.requireValues(typeInt), texts.requireValues(typeStr)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for v, method := range map[*View]string{numbers: "int", texts: "str"} {
		if _, err := v.index(indexKey{method: method}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Add(Pair{"a", "b"}); err == nil {
		t.Error("a number is not a number")
	}
	numbers.Close()
	if err := s.Add(Pair{"a", "b"}); err != nil {
		t.Error(err)
	}
}

// TestReadersAndWriters looks up keys that stay, while others come and go.
func TestReadersAndWriters(t *testing.T) {
	s := NewPatterns("f", []byte("stays 1\nstays.too 1\n"), true)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for _, method := range textMethods {
		x, err := s.index(indexKey{method: method})
		if err != nil {
			t.Fatal(err)
		}
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if p := x.find(Text("stays")); p == nil || p.Key() != "stays" || p.Value() == "" {
					t.Errorf("%s: %v", method, p)
					return
				}
			}
		})
	}
	for i := range 300 {
		key := fmt.Sprint("key", i%50)
		if err := s.Add(Pair{key, "1"}, Pair{key + "/x", "1"}); err != nil {
			t.Error(err)
		}
		if _, err := s.SetKey("stays", fmt.Sprint(i)); err != nil {
			t.Error(err)
		}
		if i%3 == 0 {
			if _, err := s.DeleteKey(key); err != nil {
				t.Error(err)
			}
		}
		if i%100 == 99 {
			version := s.Prepare()
			if err := errors.Join(s.AddTo(version, Pair{"new", "1"}, Pair{"stays", "2"}), s.Commit(version)); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	readers.Wait()
}

// BenchmarkEdit adds, sets and removes one key of a map of 100000.
func BenchmarkEdit(b *testing.B) {
	var list strings.Builder
	for k := range 100_000 {
		fmt.Fprintf(&list, ".host%d.example backend%d\n", k, k%10)
	}
	for _, method := range []string{"str", "end", "sub"} {
		b.Run(method, func(b *testing.B) {
			s := NewPatterns("f", []byte(list.String()), true)
			if _, err := s.index(indexKey{method: method}); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var longest time.Duration
			for b.Loop() {
				for _, edit := range []func() error{
					func() error { return s.Add(Pair{".new.example", "b"}) },
					func() error { _, err := s.SetKey(".new.example", "c"); return err },
					func() error { _, err := s.DeleteKey(".new.example"); return err },
				} {
					start := time.Now()
					if err := edit(); err != nil {
						b.Fatal(err)
					}
					longest = max(longest, time.Since(start))
				}
			}
			b.ReportMetric(float64(longest.Microseconds()), "µs-longest-edit")
		})
	}
}
