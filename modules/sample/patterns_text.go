// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"slices"
	"sort"
	"strings"
)

// A textMode says where in a text a pattern may occur.
type textMode uint8

const (
	wholeText textMode = iota
	beginOfText
	endOfText
	anyText
	wordOfText // between delimiters or the ends of the text
)

// A textTable is a hash table of strings: a lookup costs one access per distinct length of string,
// whatever their number. Of equal strings, the first counts.
type textTable struct {
	mode       textMode
	delimiters string // of words; ignored at the ends of a pattern
	fold       bool   // strings are in lower case
	parse      func(*Pattern) ([]byte, error)

	keys    *patternHash
	lengths lengthSet
	strings copiedList[listed[[]byte]] // in order, for anyText only, unless there are too many
}

// mostSearched is the number of strings up to which the method sub tries one after the other.
const mostSearched = 4096

func textTables(mode textMode, delimiters string) func(fold bool) table {
	return func(fold bool) table {
		t := &textTable{mode: mode, delimiters: delimiters, fold: fold, keys: newPatternHash()}
		t.parse = t.text
		if mode == anyText {
			t.strings.list.Store(new([]listed[[]byte]))
		}
		return t
	}
}

// text returns the text that a pattern matches, which is empty if it never equals a word because it
// consists of delimiters only.
func (t *textTable) text(p *Pattern) ([]byte, error) {
	if len(p.key) == 0 {
		return nil, errKeyIsEmpty
	}
	key := bytes.Trim(p.key, t.delimiters)
	if t.fold {
		key = appendLower(nil, key)
	}
	return key, nil
}

func (t *textTable) add(patterns []*Pattern) error {
	keys := make([][]byte, len(patterns))
	for k, p := range patterns {
		var err error
		if keys[k], err = t.parse(p); err != nil {
			return &patternError{k, err}
		}
	}
	t.keys.reserve(len(keys))
	var firsts []listed[[]byte]
	for k, key := range keys {
		if len(key) == 0 {
			continue
		}
		if t.keys.add(key, patterns[k]) {
			t.lengths.add(len(key))
			firsts = append(firsts, listed[[]byte]{key, patterns[k]})
		}
	}
	t.list(firsts)
	return nil
}

// list adds to the strings that are searched, as long as there are not too many.
func (t *textTable) list(strings []listed[[]byte]) {
	list := t.strings.list.Load()
	switch {
	case list == nil: // there are too many, or the mode does not need it
	case len(*list)+len(strings) > mostSearched:
		t.strings.list.Store(nil)
	default:
		t.strings.append(strings...)
	}
}

func (t *textTable) remove(patterns []*Pattern) {
	for _, p := range patterns {
		key, _ := t.parse(p) // it was valid when it was added
		if len(key) == 0 {
			continue
		}
		left, found := t.keys.remove(key)
		if !found {
			continue
		}
		if left == nil {
			t.lengths.remove(len(key))
		}
		if t.strings.list.Load() != nil {
			t.relist(key, left)
		}
	}
}

// relist makes the first pattern that is left the one of a string in the list; nil: none is left.
func (t *textTable) relist(key []byte, left *Pattern) {
	list := slices.DeleteFunc(slices.Clone(t.strings.get()), func(l listed[[]byte]) bool { return bytes.Equal(l.what, key) })
	if left != nil {
		at := sort.Search(len(list), func(i int) bool { return list[i].pattern.id > left.id })
		list = slices.Insert(list, at, listed[[]byte]{key, left})
	}
	t.strings.list.Store(&list)
}

// foldedOnStack is the longest text that is folded without an allocation. A server name is not
// longer.
const foldedOnStack = 256

func (t *textTable) find(v Value) *Pattern {
	b := v.data
	if t.fold {
		var folded [foldedOnStack]byte
		b = appendLower(folded[:0], b)
	}
	if list := t.strings.list.Load(); list != nil && len(*list) <= len(b) {
		return search(*list, b)
	}
	var best *Pattern
	for _, length := range t.lengths.get() {
		if length > len(b) {
			break
		}
		if p := t.ofLength(b, length); t.mode == beginOfText && p != nil {
			best = p // the longest match counts
		} else {
			best = earlier(best, p)
		}
	}
	return best
}

// search tries one string after the other. With few strings that is faster than looking up each
// part of the text.
func search(list []listed[[]byte], b []byte) *Pattern {
	for _, s := range list {
		if bytes.Contains(b, s.what) {
			return s.pattern
		}
	}
	return nil
}

// ofLength returns the first pattern of a length that matches, or nil.
func (t *textTable) ofLength(b []byte, length int) *Pattern {
	switch t.mode {
	case wholeText:
		if length != len(b) {
			return nil
		}
		return t.keys.find(b)
	case beginOfText:
		return t.keys.find(b[:length])
	case endOfText:
		return t.keys.find(b[len(b)-length:])
	default:
		return t.inside(b, length)
	}
}

// inside returns the first pattern of a length that matches anywhere, or nil.
func (t *textTable) inside(b []byte, length int) (best *Pattern) {
	for start := range len(b) - length + 1 {
		if t.mode == anyText || t.isWord(b, start, start+length) {
			best = earlier(best, t.keys.find(b[start:start+length]))
		}
	}
	return best
}

func (t *textTable) isWord(b []byte, start, end int) bool {
	return (start == 0 || strings.IndexByte(t.delimiters, b[start-1]) >= 0) &&
		(end == len(b) || strings.IndexByte(t.delimiters, b[end]) >= 0)
}

// appendLower appends the bytes with A to Z in lower case.
func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
