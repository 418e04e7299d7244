// SPDX-License-Identifier: Apache-2.0

package trends

import (
	"testing"
	"time"
	"unsafe"
)

// shown returns the last values of the first series; -1 stands for a gap.
func shown(h *History, now time.Time, n int) (values []int) {
	s := h.Snapshot(now)
	for _, v := range s.Values[Sessions][Steps-n:] {
		if IsGap(v) {
			values = append(values, -1)
		} else {
			values = append(values, int(v))
		}
	}
	return values
}

func TestHistory(t *testing.T) {
	var h History
	began := time.Now()
	at := func(steps float64) time.Time { return began.Add(time.Duration(steps * float64(Step))) }
	expect := func(now time.Time, want ...int) {
		t.Helper()
		got := shown(&h, now, len(want))
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("values %v, want %v", got, want)
			}
		}
	}
	expect(at(0), -1, -1)
	if s := h.Snapshot(at(7)); !IsGap(s.Last(Errors)) || s.End != at(7) {
		t.Errorf("empty: %v at %v", s.Last(Errors), s.End)
	}
	if h.Wait(at(3)) != 0 {
		t.Error("the first values are not due at once")
	}
	h.Add(at(0), Values{1})
	if wait := h.Wait(at(0.25)); wait != Step*3/4 {
		t.Errorf("the next values are due in %v", wait)
	}
	h.Add(at(0.6), Values{2})
	h.Add(at(1.4), Values{3}) // replaces it
	h.Add(at(0.4), Values{4}) // late: belongs to the last step
	expect(at(1.4), -1, 1, 4)
	expect(at(2.4), -1, 1, 4)
	expect(at(2.6), 1, 4, -1)
	if wait := h.Wait(at(3.25)); wait != 0 { // that of step 3 is overdue
		t.Errorf("late values are due in %v", wait)
	}
	h.Add(at(4), Values{5})
	expect(at(4), -1, 1, 4, -1, -1, 5)
	if s := h.Snapshot(at(4.5)); s.End.Sub(at(4)).Abs() > time.Microsecond || s.Last(Sessions) != 5 {
		t.Errorf("the last value %v at %v, want 5 at %v", s.Last(Sessions), s.End, at(4))
	}
	for step := 5; step < 3*Steps; step++ {
		h.Add(at(float64(step)), Values{float32(step)})
	}
	if all := shown(&h, at(float64(3*Steps-1)), Steps); all[0] != 2*Steps || all[Steps-1] != 3*Steps-1 {
		t.Errorf("after three hours: from %d to %d", all[0], all[Steps-1])
	}
	h.Add(at(float64(10*Steps)), Values{1}) // after a gap of more than an hour
	expect(at(float64(10*Steps)), -1, -1, 1)
	if all := shown(&h, at(float64(10*Steps)), Steps); all[0] != -1 {
		t.Errorf("values from before a long gap: %d", all[0])
	}
	expect(at(float64(20*Steps)), -1, -1, -1)
}

// The memory is fixed: the figure of the package comment, and a few words more.
func TestSize(t *testing.T) {
	if size := unsafe.Sizeof(History{}); Steps*4 != 2880 || size > 2880*uintptr(SeriesCount)+64 {
		t.Errorf("%d bytes for %d steps", size, Steps)
	}
	var h History
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() { now = now.Add(Step); h.Add(now, Values{}) }); n != 0 {
		t.Errorf("%v allocations for each step", n)
	}
}

func TestNames(t *testing.T) {
	for s := range SeriesCount {
		if s.String() == "" {
			t.Errorf("series %d without a name", s)
		}
	}
}
