// SPDX-License-Identifier: Apache-2.0

package sample

import "testing"

func TestOpposite(t *testing.T) {
	for v, want := range map[Verdict]Verdict{Pass: Fail, Miss: Miss, Fail: Pass} {
		if got := v.Opposite(); got != want {
			t.Errorf("%v: %v", v, got)
		}
	}
}
