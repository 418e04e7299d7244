// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"strconv"
	"testing"
	"unsafe"
)

// TestSizes bounds the memory of an idle session in this package: its record, and its slot and
// timer in a shard. One more field is memory for each of many thousand sessions: fields that only
// some of them need belong in extra.
func TestSizes(t *testing.T) {
	if strconv.IntSize != 64 {
		t.Skip("the sizes are those of a 64-bit system")
	}
	for _, c := range []struct {
		what      string
		got, want uintptr
	}{
		{"session", unsafe.Sizeof(Session{}), 80},
		{"slot", unsafe.Sizeof(watcher(nil)), 16},
		{"timer", unsafe.Sizeof(timer{}), 16},
	} {
		if c.got > c.want {
			t.Errorf("a %s has %d bytes, want at most %d", c.what, c.got, c.want)
		}
	}
}
