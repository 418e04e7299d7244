// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"fmt"
	"strconv"
	"time"
)

// words are those of a line, from left to right.
type words struct{ rest []string }

// next returns the next word; empty at the end.
func (w *words) next() string {
	if len(w.rest) == 0 {
		return ""
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word
}

// take consumes the next word if it is this one.
func (w *words) take(word string) bool {
	if len(w.rest) == 0 || w.rest[0] != word {
		return false
	}
	w.rest = w.rest[1:]
	return true
}

func (w *words) duration() (time.Duration, error) {
	return time.ParseDuration(w.next())
}

func (w *words) number() (int, error) {
	word := w.next()
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("expected a number from 1, not %q", word)
	}
	return n, nil
}
