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
