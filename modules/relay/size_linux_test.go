// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"strconv"
	"testing"
	"unsafe"
)

// TestSizes pins what an idle session costs here: its record, and its slot and timer in a
// shard. A field more is memory for each of many thousand sessions: what only some of them
// need belongs into extra.
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
