// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// shortest is the least duration that a configuration can mean. A number without
// a unit is nanoseconds in Caddy's JSON, which are meant by nobody.
const shortest = caddy.Duration(time.Millisecond)

// millisecondsFrom is from which number on a duration without a unit is taken for
// milliseconds, as in HAProxy, rather than seconds.
const millisecondsFrom = 1000

// ValidateDuration reports what is wrong with a duration, of which 0 is the default: it
// must be at least 1ms.
func ValidateDuration(name string, d caddy.Duration) error {
	switch {
	case d == 0 || d >= shortest:
		return nil
	case d < 0:
		return fmt.Errorf("%s %v: expected a duration greater than zero", name, time.Duration(d))
	case d < millisecondsFrom:
		return fmt.Errorf("%s %v: expected at least 1ms: numbers without a unit are nanoseconds: write \"%ds\"", name, time.Duration(d), int64(d))
	default:
		meant := time.Duration(d) * time.Millisecond
		return fmt.Errorf("%s %v: expected at least 1ms: numbers without a unit are nanoseconds: write \"%v\"", name, time.Duration(d), meant)
	}
}
