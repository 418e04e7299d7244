// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Quota is a number of events within a period.
type Quota struct {
	N      int
	Period time.Duration
}

// maxPeriod bounds a period.
const maxPeriod = 24 * time.Hour

// ParseQuota parses N/PERIOD, such as 20/10s.
func ParseQuota(text string) (q Quota, err error) {
	n, period, found := strings.Cut(text, "/")
	if found {
		if q.N, err = strconv.Atoi(n); err == nil {
			q.Period, err = time.ParseDuration(period)
		}
	}
	if !found || err != nil || q.N < 1 || q.N > math.MaxInt32 || q.Period < time.Millisecond || q.Period > maxPeriod {
		return q, fmt.Errorf("%q: expected a number and a period of at most 24h, such as 20/10s", text)
	}
	return q, nil
}

// ParseBytes parses a number of bytes, such as 65536, 64KiB, 16MiB or 1GiB.
func ParseBytes(text string) (int64, error) {
	number, factor := text, int64(1)
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			number, factor = rest, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q: expected a number of bytes, such as 65536 or 16MiB", text)
	}
	return n * factor, nil
}
