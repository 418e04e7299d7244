// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// spread is the expectation if chance plays a part: the servers' shares must be the same in both
// programs.
const spread = "spread"

// compareSpreads counts the servers in two lists. Their shares differ if that is more than three
// times the standard deviation; once in a few hundred times that is chance, so the scenario runs
// again.
func compareSpreads(theirs, ours string) (seen [2]string, fault string) {
	var counts [2]map[string]int
	var totals [2]float64
	names := make(map[string]bool)
	for i, list := range [2]string{theirs, ours} {
		counts[i] = make(map[string]int)
		for name := range strings.FieldsSeq(list) {
			counts[i][name]++
			totals[i]++
			names[name] = true
		}
	}
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, b := float64(counts[0][name]), float64(counts[1][name])
		share := (a + b) / (totals[0] + totals[1])
		sigma := math.Sqrt(share * (1 - share) * (1/totals[0] + 1/totals[1]))
		if math.Abs(a/totals[0]-b/totals[1]) > 3*sigma {
			faults = append(faults, name)
		}
		for i := range seen {
			seen[i] += fmt.Sprintf("%s %d ", name, counts[i][name])
		}
	}
	if len(faults) > 0 {
		fault = "other shares of " + strings.Join(faults, ", ")
	}
	return seen, fault
}
