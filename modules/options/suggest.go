// SPDX-License-Identifier: Apache-2.0

package options

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An error message lists up to maxListed known words in full. A longer list can only have names
// that the user chose, and is cut to the maxNearest nearest.
const (
	maxListed  = 48
	maxNearest = 12
)

// minPartLength is the length from which a word is searched for within others.
const minPartLength = 3

// Suggest returns the end of an error message about an unknown word: the word that was probably
// meant, if one is near, and the known words in order. If there are too many, it lists only the
// nearest ones.
func Suggest(word string, known []string) string {
	if len(known) == 0 {
		return " (none are known)"
	}
	known = slices.Sorted(slices.Values(known))
	var s strings.Builder
	near := Nearest(word, known)
	if near != "" {
		fmt.Fprintf(&s, "; did you mean %q?", near)
	}
	list := known
	if len(known) > maxListed {
		list = byNearness(word, near, known)[:maxNearest]
	}
	fmt.Fprintf(&s, " (known: %s", strings.Join(list, ", "))
	if more := len(known) - len(list); more > 0 {
		fmt.Fprintf(&s, " and %d more", more)
	}
	s.WriteByte(')')
	return s.String()
}

// byNearness returns the known words, first the suggested one and then the others by their distance
// from word.
func byNearness(word, suggested string, known []string) []string {
	distance := make(map[string]int, len(known))
	for _, k := range known {
		distance[k] = edits(strings.ToLower(word), strings.ToLower(k))
	}
	distance[suggested] = -1
	return slices.SortedStableFunc(slices.Values(known), func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
}

// Nearest returns the known word that was probably meant by word, or "". It tries, in this order: a
// word that only differs in hyphens, underscores and case; the word here for what word means in
// another program; the first one within a third of the word's length in edits; and one that
// contains word or is contained in it. If word has two meanings, the first known one counts.
func Nearest(word string, known []string) string {
	for _, find := range []func(string, []string) string{sameLetters, synonym, fewestEdits, containing} {
		if near := find(strings.ToLower(word), known); near != "" {
			return near
		}
	}
	return ""
}

// letters removes separators from a word.
var letters = strings.NewReplacer("-", "", "_", "", ".", "")

func sameLetters(word string, known []string) string {
	word = letters.Replace(word)
	i := slices.IndexFunc(known, func(k string) bool { return letters.Replace(strings.ToLower(k)) == word })
	if i < 0 || word == "" {
		return ""
	}
	return known[i]
}

func fewestEdits(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, k := range known {
		if n := edits(word, strings.ToLower(k)); n <= least && (best == "" || n < least) {
			best, least = k, n
		}
	}
	return best
}

// containing returns the known word that is a prefix of word or the other way round, or else one
// contained in the other; among several, the one closest in length.
func containing(word string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		short, long := word, strings.ToLower(k)
		if len(short) > len(long) {
			short, long = long, short
		}
		i := strings.Index(long, short)
		if i < 0 || len(short) < minPartLength {
			continue
		}
		n := len(long) - len(short)
		if i > 0 {
			n += 1 << 16 // after all prefixes
		}
		if best == "" || n < least {
			best, least = k, n
		}
	}
	return best
}

// edits returns the number of insertions, deletions, replacements and swaps of neighbors between a
// and b (optimal string alignment).
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
