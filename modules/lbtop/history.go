// SPDX-License-Identifier: Apache-2.0

package lbtop

import (
	"slices"
	"strings"
)

// history holds the last values of a number, the oldest first.
type history []int

// kept is the number of values kept: those of four minutes.
const kept = 240

func (h *history) add(n int) {
	*h = append(*h, n)
	if len(*h) > kept {
		*h = slices.Delete(*h, 0, len(*h)-kept)
	}
}

var bars = []rune(" ▁▂▃▄▅▆▇█")

// line draws the last values as bars, as many as fit. The highest of them is a full bar.
func (h *history) line(width int) (text string, highest int) {
	shown := (*h)[max(0, len(*h)-width):]
	for _, n := range shown {
		highest = max(highest, n)
	}
	var out strings.Builder
	out.WriteString(strings.Repeat(" ", max(0, width-len(shown))))
	for _, n := range shown {
		bar := 0
		if n > 0 {
			bar = max(1, n*(len(bars)-1)/highest)
		}
		out.WriteRune(bars[bar])
	}
	return out.String(), highest
}
