// SPDX-License-Identifier: Apache-2.0

package limits

import "testing"

func TestProcessLimits(t *testing.T) {
	var p ProcessLimits
	p.Accepted()
	p.Session()
	if wait := p.Wait(); wait != 0 {
		t.Errorf("without limits: %v", wait)
	}
	p.ConnRate.Store(2)
	p.SessRate.Store(3)
	p.Session()
	if wait := p.Wait(); wait != 0 {
		t.Errorf("below the limits: %v", wait)
	}
	p.Accepted()
	if wait := p.Wait(); wait == 0 {
		t.Error("no wait at the limit")
	}
}
