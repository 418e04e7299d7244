// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// held is what an inspection occupies beside itself.
func held(i *Inspection) int {
	return len(i.received.array) + len(i.joined.array)
}

// TestHeld bounds what an inspection holds, at each byte, whatever the client announces: every buffer has one block, of
// at most twice the bytes in it or 4 KiB, and the message is no longer than the records that it came in. So that is at
// most 2 * (received + message) + 8 KiB. A record has at most five bytes around one of the message: received is at most
// 6 * message, and everything 640 KiB.
func TestHeld(t *testing.T) {
	const most = (512 + 128) << 10
	message := largestHello()
	for _, size := range []int{maxPlaintext, 1, 2, 100} {
		raw := hellotest.Records(message, size)
		if len(raw) > 6*len(message) {
			t.Fatalf("%d bytes for a message of %d", len(raw), len(message))
		}
		i := NewInspection(0)
		for n, c := range raw {
			i.Space()[0] = c
			i.Commit(1)
			received := n + 1
			joined := min(received, len(message))
			if got, limit := held(i), min(most, 2*(received+joined)+2*firstBlock); got > limit {
				t.Fatalf("records of %d bytes: %d bytes for %d received, want at most %d", size, got, received, limit)
			}
		}
		if i.Outcome() != Found {
			t.Errorf("records of %d bytes: %v", size, i.Outcome())
		}
		t.Logf("records of %d bytes: %d received for a message of %d, %d held", size, len(raw), len(message), held(i))
		i.Release()
	}
}

// TestHeldForSpace asks for space without using it: that does not make the buffer grow.
func TestHeldForSpace(t *testing.T) {
	i := NewInspection(0)
	defer i.Release()
	i.Feed(make([]byte, firstBlock))
	for range 100 {
		i.Space()
		i.Commit(0)
	}
	if got := held(i); got != 2*firstBlock {
		t.Errorf("%d bytes are held for %d", got, firstBlock)
	}
}

// TestHeldForAnnouncement says how much will come, in every length there is, and sends nothing of it.
func TestHeldForAnnouncement(t *testing.T) {
	for _, raw := range [][]byte{
		{22, 3, 1, 0x40, 0},
		{22, 3, 1, 0x40, 0, 1, 1, 0, 0},
		{22, 3, 1, 0, 5, 1, 1, 0, 0, 3, 22, 3, 1, 0x40, 0},
		{0xff, 0xff, 1, 0},
	} {
		i := NewInspection(0)
		for _, c := range raw {
			i.Space()[0] = c
			i.Commit(1)
		}
		if got := held(i); i.Outcome() != Pending || got > 2*firstBlock {
			t.Errorf("%x: %v, %d bytes are held", raw, i.Outcome(), got)
		}
		i.Release()
	}
}
