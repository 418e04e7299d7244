// SPDX-License-Identifier: Apache-2.0

package options

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func TestValidateDuration(t *testing.T) {
	const few = "expected at least 1ms: numbers without a unit are nanoseconds: write "
	for d, want := range map[time.Duration]string{
		0:                    "",
		time.Millisecond:     "",
		time.Hour:            "",
		-1:                   "x -1ns: expected a duration greater than zero",
		1:                    "x 1ns: " + few + `"1s"`,
		30:                   "x 30ns: " + few + `"30s"`,
		999:                  "x 999ns: " + few + `"999s"`,
		1000:                 "x 1µs: " + few + `"1s"`, // HAProxy's milliseconds
		30000:                "x 30µs: " + few + `"30s"`,
		time.Millisecond - 1: "x 999.999µs: " + few + `"16m39.999s"`,
	} {
		got := ""
		if err := ValidateDuration("x", caddy.Duration(d)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}
