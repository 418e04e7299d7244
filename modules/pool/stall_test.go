// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStallIsDetected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := watchForStall()
		time.Sleep(time.Minute)
		if s.stop() {
			t.Error("a process that ran was stopped")
		}
		s = watchForStall()
		s.timer.Stop() // as if the process did not run
		time.Sleep(stallInterval + stallThreshold + time.Millisecond)
		if !s.stop() {
			t.Error("a process that was stopped ran")
		}
		time.Sleep(time.Minute) // a running timer would keep the bubble from ending
	})
}

func TestTimeoutAfterStallIsIgnored(t *testing.T) {
	for code, want := range map[Code]Code{
		Layer4Timeout: CodeNotChecked, Layer6Timeout: CodeNotChecked, Layer7Timeout: CodeNotChecked,
		Layer4OK: Layer4OK, Layer4Connection: Layer4Connection, Layer7Status: Layer7Status,
	} {
		if got := (Result{Code: code}).afterStall().Code; got != want {
			t.Errorf("%s comes to %s, want %s", code, got, want)
		}
	}
}
