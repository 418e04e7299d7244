// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// The numbers of a target's name go on when a configuration opens it again.
func TestAllStats(t *testing.T) {
	t.Parallel()
	unreachable := Dialer{Dial: func(context.Context) (io.WriteCloser, error) { return nil, errors.New("unreachable") }}
	for n := range uint64(3) {
		target := Open(unreachable, Options{Name: "udp/stats.test", Level: Debug})
		_, _ = target.Write([]byte("lost"))
		target.Close(time.Millisecond)
		if all := AllStats(); all["udp/stats.test"] != (Stats{}) {
			t.Errorf("a closed target is there: %v", all)
		}
		again := Open(unreachable, Options{Name: "udp/stats.test", Level: Debug})
		if got := AllStats()["udp/stats.test"].Dropped; got != n+1 {
			t.Errorf("%d dropped, want %d", got, n+1)
		}
		again.Close(time.Millisecond)
	}
}
