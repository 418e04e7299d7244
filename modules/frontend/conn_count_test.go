// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// A count belongs to its name while something refers to it, and is dropped then.
func TestCountLivesWithItsName(t *testing.T) {
	var c connCounts
	a := c.getOrCreate("a")
	a.Add(2)
	if c.getOrCreate("a") != a || c.getOrCreate("b") == a {
		t.Error("a name has not one count of its own")
	}
	for n := range 100 {
		c.getOrCreate(fmt.Sprint(n)).Add(1)
	}
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		c.mu.Lock()
		left := len(c.values)
		c.mu.Unlock()
		if left == 1 {
			break
		}
		if time.Now().After(over) {
			t.Fatalf("%d names are kept, want that of the one count in use", left)
		}
	}
	if again := c.getOrCreate("a"); again != a || again.Load() != 2 {
		t.Errorf("a has become %d", again.Load())
	}
	runtime.KeepAlive(a)
}
