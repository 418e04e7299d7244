// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"slices"
	"strings"
)

// suggestions bounds a list of names in an error message.
const suggestions = 12

// Suggest ends an error message about an unknown word: the known word nearest
// to it, if one is near, and the known words in order, at most twelve.
func Suggest(word string, known []string) string {
	if len(known) == 0 {
		return " (there are none)"
	}
	known = slices.Sorted(slices.Values(known))
	var s strings.Builder
	if near := Nearest(word, known); near != "" {
		fmt.Fprintf(&s, "; did you mean %q?", near)
	}
	list := known[:min(len(known), suggestions)]
	fmt.Fprintf(&s, " (known: %s", strings.Join(list, ", "))
	if more := len(known) - len(list); more > 0 {
		fmt.Fprintf(&s, " and %d more", more)
	}
	s.WriteByte(')')
	return s.String()
}

// Nearest is the first of known within a third of the word's length in edits.
func Nearest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, k := range known {
		if n := edits(strings.ToLower(word), strings.ToLower(k)); n <= least && (best == "" || n < least) {
			best, least = k, n
		}
	}
	return best
}

// edits is the number of insertions, deletions, replacements and swaps of
// neighbors between a and b (optimal string alignment).
func edits(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
