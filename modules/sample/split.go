// SPDX-License-Identifier: Apache-2.0

package sample

// A splitter finds fields or words in a text.
type splitter struct {
	separator [256]bool
	words     bool  // separators in a row are one, and those at the beginning none
	count     int64 // how many to take; all that follow if it is not positive
}

// part returns the part with a number from 1, or from the end with a negative number, and false if there are not so
// many.
func (s *splitter) part(b []byte, index int64) ([]byte, bool) {
	v := directedText{bytes: b, separator: &s.separator}
	if index < 0 {
		v.backward = true
		index = -index
	}
	start, ok := s.begin(v, index)
	if !ok {
		return nil, false
	}
	end := s.finish(v, start)
	if v.backward {
		start, end = len(b)-end, len(b)-start
	}
	return b[start:end], true
}

// begin returns where a part begins.
func (s *splitter) begin(v directedText, index int64) (at int, ok bool) {
	if s.words {
		at = v.next(at, false)
	}
	for range index - 1 {
		if at = v.next(at, true); at == len(v.bytes) {
			return 0, false
		}
		at++
		if s.words {
			at = v.next(at, false)
		}
	}
	return at, !s.words || at < len(v.bytes)
}

// finish returns where the last part to take ends. HAProxy only knows that a part has ended when it sees a separator
// after it: with too few words, those at the end belong to the result.
func (s *splitter) finish(v directedText, at int) int {
	for count := s.count; count > 0; count-- {
		if at = v.next(at, true); at == len(v.bytes) || count == 1 {
			return at
		}
		at++
		if s.words {
			at = v.next(at, false)
		}
	}
	return len(v.bytes)
}

// A directedText is a text, seen from either end.
type directedText struct {
	bytes     []byte
	separator *[256]bool
	backward  bool
}

// next returns the first position from one on with a separator, or with something else; at the latest, the end.
func (v directedText) next(at int, separator bool) int {
	for ; at < len(v.bytes); at++ {
		position := at
		if v.backward {
			position = len(v.bytes) - 1 - at
		}
		if v.separator[v.bytes[position]] == separator {
			break
		}
	}
	return at
}
