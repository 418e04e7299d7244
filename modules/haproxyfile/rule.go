// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import "slices"

// BeginsCondition reports whether a word begins the condition of a rule.
func BeginsCondition(word string) bool { return word == "if" || word == "unless" }

// CutCondition splits the words of a rule before its condition, which begins with if or unless. The
// condition is empty if the rule has none.
func CutCondition(words []string) (rule, condition []string) {
	i := slices.IndexFunc(words, BeginsCondition)
	if i < 0 {
		return words, nil
	}
	return words[:i], words[i:]
}
