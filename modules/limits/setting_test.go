// SPDX-License-Identifier: Apache-2.0

package limits

import "testing"

func TestSetting(t *testing.T) {
	var l Limit
	want := func(what string, n int64, overridden bool) {
		t.Helper()
		if l.Load() != n || (l.Override() != nil) != overridden {
			t.Errorf("%s: %d, override %v, want %d", what, l.Load(), l.Override(), n)
		}
	}
	want("zero value", 0, false)
	l.Store(10)
	want("configured", 10, false)
	l.Set(20, l.Configured(), "test")
	want("set", 20, true)
	if o := l.Override(); o.Configured != 10 || o.By != "test" || o.At.IsZero() {
		t.Errorf("%+v", o)
	}
	l.Store(10)
	want("configured as before", 20, true)
	l.Store(30)
	want("configured anew", 30, false)
	l.Store(10)
	want("configured as at first", 10, false)
	l.Set(0, 10, "test")
	want("set to none", 0, true)
	if !l.Drop() || l.Drop() {
		t.Error("dropped twice, or not at all")
	}
	l.Set(5, 10, "test")
	l.Set(10, 10, "test")
	want("set to the configured one", 10, false)
}
