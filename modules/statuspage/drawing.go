// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

// area returns the path of the area below the line of a graph, which may have gaps.
func area(line string) string {
	var path strings.Builder
	for part := range strings.SplitSeq(line, "M") {
		if x, _, ok := strings.Cut(part, " "); ok {
			path.WriteString("M" + part + "V" + strconv.Itoa(statusview.Height) + "H" + x + "Z")
		}
	}
	return path.String()
}
