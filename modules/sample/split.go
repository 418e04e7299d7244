// SPDX-License-Identifier: Apache-2.0

package sample

// A splitter finds fields or words in text.
type splitter struct {
	separator [256]bool
	words     bool  // consecutive separators count as one, leading ones are ignored
	count     int64 // number of parts to take; if not positive, all
}

// part returns a part by its number from 1, or with a negative number from the end. It returns
// false if there are too few parts.
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

// begin returns the start of a part.
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

// finish returns the end of the last part to take. HAProxy only sees the end of a part at the
// separator after it: with too few words, separators at the end belong to the result.
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

// A directedText is text that is read from the start or from the end.
type directedText struct {
	bytes     []byte
	separator *[256]bool
	backward  bool
}

// next returns the first position at or after at that holds a separator, or with false something
// else; the length if there is no such position.
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
