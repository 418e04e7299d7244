// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"testing"
	"time"
)

// Patience is the time that a busy machine may need for anything.
const Patience = 90 * time.Second

// Until waits until a condition holds, and fails the test if it does not within Patience.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}
