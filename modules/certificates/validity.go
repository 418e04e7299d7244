// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"math"
	"time"
)

// EndsSoon is the time before its end from which a certificate needs attention. Those that are
// renewed automatically are renewed before.
const EndsSoon = 14 * 24 * time.Hour

// Validity says whether a certificate is valid at a time.
type Validity string

// The validities.
const (
	Valid       Validity = "valid"
	Ending      Validity = "ends_soon"
	Ended       Validity = "ended"
	NotYetValid Validity = "not_yet_valid"
)

// ValidityAt returns whether the certificate is valid.
func (c *Certificate) ValidityAt(now time.Time) Validity {
	switch {
	case now.After(c.NotAfter):
		return Ended
	case now.Before(c.NotBefore):
		return NotYetValid
	case now.After(c.NotAfter.Add(-EndsSoon)):
		return Ending
	}
	return Valid
}

// DaysLeft returns the number of whole days until the certificate ends; it is negative from then
// on.
func (c *Certificate) DaysLeft(now time.Time) int {
	const day = 24 * 60 * 60
	seconds := c.NotAfter.Unix() - now.Unix() // may be more than a Duration can be
	return int(math.Floor(float64(seconds) / day))
}
