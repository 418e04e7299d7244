// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// minDuration is the shortest duration that a configuration can mean. A number without a unit is
// nanoseconds in Caddy's JSON, which is always a mistake.
const minDuration = caddy.Duration(time.Millisecond)

// minMilliseconds is the number from which a duration without a unit is taken for milliseconds, as
// in HAProxy, rather than seconds.
const minMilliseconds = 1000

// ValidateDuration returns an error for a duration under 1ms. 0, the default, is valid.
func ValidateDuration(name string, d caddy.Duration) error {
	switch {
	case d == 0 || d >= minDuration:
		return nil
	case d < 0:
		return fmt.Errorf("%s %v: expected a duration greater than zero", name, time.Duration(d))
	case d < minMilliseconds:
		return fmt.Errorf("%s %v: expected at least 1ms: numbers without a unit are nanoseconds: write \"%ds\"", name, time.Duration(d), int64(d))
	default:
		meant := time.Duration(d) * time.Millisecond
		return fmt.Errorf("%s %v: expected at least 1ms: numbers without a unit are nanoseconds: write \"%v\"", name, time.Duration(d), meant)
	}
}
