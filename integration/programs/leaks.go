// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// VerifyNoLeaks verifies like goleak.VerifyTestMain, but gives goroutines that are about to end a
// minute, not half a second: the machine may be busy.
func VerifyNoLeaks(m goleak.TestingM, options ...goleak.Option) {
	goleak.VerifyTestMain(settling{m, options}, options...)
}

// settling runs the tests, and returns when no goroutine is left, or the minute is over.
type settling struct {
	goleak.TestingM
	options []goleak.Option
}

func (s settling) Run() (code int) {
	if code = s.TestingM.Run(); code == 0 {
		_ = settle(s.options)
	}
	return code
}

// NoLeaks verifies like goleak.VerifyNone, with the same minute.
func NoLeaks(t testing.TB, options ...goleak.Option) {
	t.Helper()
	if err := settle(options); err != nil {
		t.Error(err)
	}
}

func settle(options []goleak.Option) (err error) {
	for over := time.Now().Add(time.Minute); ; {
		if err = goleak.Find(options...); err == nil || time.Now().After(over) {
			return err
		}
	}
}
