// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"testing"
)

// TestEndSessionsMistakes ends sessions of names that do not exist.
func TestEndSessionsMistakes(t *testing.T) {
	for _, c := range []struct {
		filter SessionFilter
		kind   error
		want   string
	}{
		{SessionFilter{}, ErrInvalid, "sessions to end: expected a condition, such as a server"},
		{SessionFilter{Backend: "none"}, ErrUnknown, `backend "none": no such backend`},
		{SessionFilter{Backend: "none", Server: "s1"}, ErrUnknown, `backend "none": no such backend`},
	} {
		if n, err := EndSessions(ByAdmin, c.filter); n != 0 || !errors.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("%+v: %d ended, %v", c.filter, n, err)
		}
	}
	if err := EndSession(ByAdmin, 1<<60); !errors.Is(err, ErrUnknown) || err.Error() != "session 1152921504606846976: no such session" {
		t.Error(err)
	}
	if _, err := SessionOf(1 << 60); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
