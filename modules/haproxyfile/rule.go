// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import "slices"

// BeginsCondition reports whether a word is followed by the condition of a rule.
func BeginsCondition(word string) bool { return word == "if" || word == "unless" }

// CutCondition cuts the condition off the words of a rule, which begins with if or unless;
// it is empty where there is none.
func CutCondition(words []string) (rule, condition []string) {
	i := slices.IndexFunc(words, BeginsCondition)
	if i < 0 {
		return words, nil
	}
	return words[:i], words[i:]
}
