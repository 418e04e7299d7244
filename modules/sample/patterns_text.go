// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"errors"
	"slices"
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

	positions map[string]int
	lengths   []int    // of the strings, in ascending order
	strings   [][]byte // in order, for anyText only
}

func buildText(mode textMode, delimiters string) func(patterns []string, fold bool) (table, error) {
	return func(patterns []string, fold bool) (table, error) {
		t := &textTable{mode: mode, delimiters: delimiters, fold: fold, positions: make(map[string]int, len(patterns))}
		for k, pattern := range patterns {
			if pattern == "" {
				return nil, &patternError{k, errors.New("an empty pattern matches nothing")}
			}
			t.add(pattern, k)
		}
		slices.Sort(t.lengths)
		return t, nil
	}
}

func (t *textTable) add(pattern string, position int) {
	if pattern = strings.Trim(pattern, t.delimiters); pattern == "" {
		// It consists of delimiters only, so it never equals a word.
		return
	}
	if t.fold {
		pattern = string(appendLower(nil, []byte(pattern)))
	}
	if _, ok := t.positions[pattern]; ok {
		return
	}
	t.positions[pattern] = position
	if !slices.Contains(t.lengths, len(pattern)) {
		t.lengths = append(t.lengths, len(pattern))
	}
	if t.mode == anyText {
		t.strings = append(t.strings, []byte(pattern))
	}
}

// foldedOnStack is the longest text that is folded without an allocation. A server name is not
// longer.
const foldedOnStack = 256

func (t *textTable) find(v Value) int {
	b := v.data
	if t.fold {
		var folded [foldedOnStack]byte
		b = appendLower(folded[:0], b)
	}
	if t.mode == anyText && len(t.strings) <= len(b) {
		return t.search(b)
	}
	best := -1
	for _, length := range t.lengths {
		if length > len(b) {
			break
		}
		if k := t.ofLength(b, length); t.mode == beginOfText && k >= 0 {
			best = k // the longest match counts
		} else {
			best = firstPosition(best, k)
		}
	}
	return best
}

// search tries one string after the other. With few strings that is faster than looking up each
// part of the text.
func (t *textTable) search(b []byte) int {
	for _, s := range t.strings {
		if bytes.Contains(b, s) {
			return t.positions[string(s)]
		}
	}
	return -1
}

// ofLength returns the position of the first string of a length that matches, or -1.
func (t *textTable) ofLength(b []byte, length int) int {
	switch t.mode {
	case wholeText:
		if length != len(b) {
			return -1
		}
		return t.at(b)
	case beginOfText:
		return t.at(b[:length])
	case endOfText:
		return t.at(b[len(b)-length:])
	default:
		return t.inside(b, length)
	}
}

// inside returns the position of the first string of a length that matches anywhere, or -1.
func (t *textTable) inside(b []byte, length int) int {
	best := -1
	for start := range len(b) - length + 1 {
		if t.mode == anyText || t.isWord(b, start, start+length) {
			best = firstPosition(best, t.at(b[start:start+length]))
		}
	}
	return best
}

func (t *textTable) isWord(b []byte, start, end int) bool {
	return (start == 0 || strings.IndexByte(t.delimiters, b[start-1]) >= 0) &&
		(end == len(b) || strings.IndexByte(t.delimiters, b[end]) >= 0)
}

// at returns the position of the string that equals b, or -1.
func (t *textTable) at(b []byte) int {
	if k, ok := t.positions[string(b)]; ok {
		return k
	}
	return -1
}

// firstPosition returns the lesser of two positions; -1 means no position.
func firstPosition(a, b int) int {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
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
