// SPDX-License-Identifier: Apache-2.0

package printable

import (
	"fmt"
	"slices"
)

// maxWords is the number of words that Shorten leaves.
const maxWords = 8

// Shorten returns the first words of a long list, and one with the number of the others.
func Shorten(words []string) []string {
	if len(words) <= maxWords+1 {
		return words
	}
	return append(slices.Clone(words[:maxWords]), fmt.Sprintf("(and %d more)", len(words)-maxWords))
}
