// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"testing"
	"testing/synctest"
	"time"
)

// codes returns the results of the remembered checks of server s, a letter each: + or -.
func codes(t *testing.T, r *Registry) (text string) {
	t.Helper()
	checks, _, err := r.CheckHistory(Ref{"b", "s"})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range checks {
		if i > 0 && !c.At.After(checks[i-1].At) {
			t.Errorf("check %d at %v comes after one at %v", i, c.At, checks[i-1].At)
		}
		if c.Code.OK() {
			text += "+"
		} else {
			text += "-"
		}
	}
	return text
}

// The last checks are remembered. While checks are disabled, none runs and health stays.
func TestCheckHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		checker := script("+-+-" + "++++++++++++++++")
		p, err := reg.Open(Config{Backend: "b", Policy: new(firstUsable), Servers: []ServerConfig{{Name: "s", Address: "a", Weight: 1, HealthConfig: HealthConfig{
			Check: &Check{Checker: checker, Target: Target{Timeout: time.Second}, Interval: time.Second, Rise: 1, Fall: 1},
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.Activate()
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		pass(3500 * time.Millisecond)
		if got := codes(t, &reg); got != "+-+-" {
			t.Errorf("history %s", got)
		}
		if _, err := reg.Change("b", "s", Change{Checks: new(false)}); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if got := codes(t, &reg); got != "+-+-" || p.IsUp("s") {
			t.Errorf("while checks are disabled: history %s, up %v", got, p.IsUp("s"))
		}
		if _, err := reg.Change("b", "s", Change{Checks: new(true)}); err != nil {
			t.Fatal(err)
		}
		pass(1500 * time.Millisecond)
		if !p.IsUp("s") {
			t.Error("not up after checks are enabled again")
		}
		pass(time.Minute)
		if got := codes(t, &reg); got != "++++++++++++++++" {
			t.Errorf("history %s", got)
		}
	})
}
