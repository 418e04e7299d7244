// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"bytes"
	"context"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A stage begins at one percentage and ends at a lower one. A resource that paces accepting may be
// used as a whole, and does not close it.
func TestStages(t *testing.T) {
	for name, c := range map[string]struct {
		paces  bool
		used   []int64
		stages []Stage
		closed []bool
	}{
		"memory": {
			false,
			[]int64{50, 84, 85, 80, 75, 74, 80, 94, 95, 92, 90, 89, 76, 10},
			[]Stage{Normal, Normal, Tight, Tight, Tight, Normal, Normal, Tight, Paused, Paused, Paused, Tight, Tight, Normal},
			[]bool{8: true, 9: true, 10: true, 13: false},
		},
		"descriptors": {
			true,
			[]int64{84, 85, 99, 100, 95, 94, 74},
			[]Stage{Normal, Tight, Tight, Paused, Paused, Tight, Normal},
			make([]bool, 7),
		},
	} {
		var used int64
		o := OverloadState{}
		o.Watch(Resource{Name: name, Paces: c.paces, Used: func() (int64, int64) { return used, 100 }})
		o.Watch(Resource{Name: "unlimited", Used: func() (int64, int64) { return 1 << 40, 0 }})
		for i := range c.used {
			used = c.used[i]
			before := o.Stage()
			o.look(func(change Change) {
				if change.From != before || change.To != c.stages[i] || change.Resource != name || change.Used != used || change.Limit != 100 {
					t.Errorf("%s %d: reported %+v", name, i, change)
				}
			})
			if o.Stage() != c.stages[i] || o.Closed() != c.closed[i] {
				t.Errorf("%s %d: at %d%% %v, closed: %v; want %v, %v", name, i, used, o.Stage(), o.Closed(), c.stages[i], c.closed[i])
			}
		}
		if r := o.Report(); r.Stage != "normal" || r.Entered["paused"] != 1 || r.Entered["tight"] < 1 || r.Resources[name] != (Usage{used, 100}) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// The resource that is used most decides, reactions follow each change and are repeated, and off
// ends the stage.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var memory, hellos atomic.Int64
		var o OverloadState
		o.Watch(Resource{Name: "memory", Used: func() (int64, int64) { return memory.Load(), 1000 }})
		o.Watch(Resource{Name: "hellos", Used: func() (int64, int64) { return hellos.Load(), 100 }})
		var reactions atomic.Int64
		var causes []string
		o.React(func(Stage) { reactions.Add(1) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.Run(ctx, func(c Change) { causes = append(causes, c.Resource) })
		}()
		hellos.Store(90)
		time.Sleep(3 * stepEvery)
		synctest.Wait()
		if o.Stage() != Tight || reactions.Load() != 1 || o.Shortened(8*time.Second, time.Second) != 2*time.Second {
			t.Errorf("%v after %d reactions", o.Stage(), reactions.Load())
		}
		memory.Store(990)
		time.Sleep(20 * stepEvery)
		synctest.Wait()
		if !o.Closed() || reactions.Load() < 3 {
			t.Errorf("closed: %v, after %d reactions", o.Closed(), reactions.Load())
		}
		var last Change
		o.SetOff(true, func(c Change) { last = c })
		if o.Stage() != Normal || o.Closed() || last != (Change{From: Paused}) {
			t.Errorf("it is not off: %+v", last)
		}
		cancel()
		<-done
		if len(causes) != 2 || causes[0] != "hellos" || causes[1] != "memory" {
			t.Errorf("reported %q", causes)
		}
	})
}

// A resource that has never begun a stage does not keep it, and one that keeps accepting paused is
// reclaimed from time to time.
func TestStageOfAnother(t *testing.T) {
	memory, reclaimed := int64(96), 0
	var o OverloadState
	o.Watch(Resource{Name: "memory", Used: func() (int64, int64) { return memory, 100 }, Reclaim: func() { reclaimed++ }})
	o.Watch(Resource{Name: "descriptors", Paces: true, Used: func() (int64, int64) { return 80, 100 }})
	hellos := int64(0)
	o.Watch(Resource{Name: "hellos", Sheds: true, Used: func() (int64, int64) { return hellos, 100 }})
	var reported []Change
	look := func() { o.look(func(c Change) { reported = append(reported, c) }) }
	for range 2 * repeatEvery {
		look()
	}
	if o.Stage() != Paused || !o.Closed() || reclaimed != 2 {
		t.Errorf("%v, closed: %v, reclaimed %d times", o.Stage(), o.Closed(), reclaimed)
	}
	memory = 80
	for range repeatEvery {
		look()
	}
	if o.Stage() != Tight || o.Closed() || reclaimed != 2 {
		t.Errorf("at 80 %%: %v, closed: %v, reclaimed %d times", o.Stage(), o.Closed(), reclaimed)
	}
	memory, hellos = 10, 120
	if look(); o.Stage() != Tight || o.Closed() {
		t.Errorf("at 120 %% of what sheds: %v, closed: %v", o.Stage(), o.Closed())
	}
	hellos = 74
	look()
	if o.Stage() != Normal || len(reported) != 3 {
		t.Errorf("at 10 %%: %v after %+v", o.Stage(), reported)
	}
}

func TestShortened(t *testing.T) {
	var o OverloadState
	o.stage.Store(int32(Tight))
	for d, want := range map[time.Duration]time.Duration{
		-1: -1, 0: 0, time.Second: time.Second, 2 * time.Second: time.Second, 8 * time.Second: 2 * time.Second, time.Hour: 15 * time.Minute,
	} {
		if got := o.Shortened(d, time.Second); got != want {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
}

// The race detector's memory counts, too.
func TestMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	debug.SetMemoryLimit(1 << 30)
	kept := bytes.Repeat([]byte{1}, 8<<20)
	runtime.GC() // before the first one, everything counts as garbage
	used, limit := memory()
	if limit != 1<<30 || used < 8<<20 || used > limit {
		t.Errorf("%d of %d bytes", used, limit)
	}
	runtime.KeepAlive(kept)
}
