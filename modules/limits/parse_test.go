// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"testing"
	"time"
)

func TestParseQuota(t *testing.T) {
	for text, want := range map[string]Quota{
		"20/10s": {20, 10 * time.Second}, "1/1ms": {1, time.Millisecond}, "5/1h30m": {5, 90 * time.Minute},
		"": {}, "20": {}, "20/": {}, "/10s": {}, "0/10s": {}, "-1/10s": {}, "20/10": {}, "20/0s": {}, "20/25h": {}, "20/10s/5": {}, "99999999999/1s": {}, "x/1s": {},
	} {
		got, err := ParseQuota(text)
		if (err == nil) != (want.N > 0) || err == nil && got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
