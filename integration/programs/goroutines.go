// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"fmt"
	"regexp"
	"strconv"
)

// ender matches the goroutine of a shard that reports how sessions ended. The first end of a
// session starts it, and it stays.
var ender = regexp.MustCompile(`(?m)^(\d+) @.*\n(?:#.*\n)*?#.*relay\.\(\*endNotifier\)\.run\b`)

// Goroutines returns the number of goroutines in a profile of /debug/pprof/goroutine?debug=1,
// without the enders.
func Goroutines(profile string) (n int, err error) {
	if _, err := fmt.Sscanf(profile, "goroutine profile: total %d", &n); err != nil {
		return 0, fmt.Errorf("reading a profile of goroutines: %w", err)
	}
	for _, group := range ender.FindAllStringSubmatch(profile, -1) {
		enders, err := strconv.Atoi(group[1])
		if err != nil {
			return 0, err
		}
		n -= enders
	}
	return n, nil
}
