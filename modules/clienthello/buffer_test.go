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

// TestHeld bounds what an inspection holds, at each byte, whatever the client announces: one block
// of what was received, at most 22 % longer than that from 48 KiB on and at most twice as long
// below; and when the message is whole and spans several records, one block of the message. A
// record has at most five bytes around one of the message: received is at most 6 * message, and
// everything 468 KiB.
func TestHeld(t *testing.T) {
	const most = (400 + 68) << 10
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
			limit := max(2*received, firstBlock)
			if received > 48<<10 {
				limit = received * 122 / 100
			}
			if i.Outcome() != Found {
				limit += firstBlock // the first bytes of the message
			} else {
				limit = most
			}
			if got := held(i); got > limit+1 || got > most {
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

// TestHeldOfOneByteRecords is the figure of docs/clienthello.md: a hello in records of one byte, of
// whatever length, occupies at most 7.5 times what the hello is long as long as it is not whole,
// and at most 9.25 times afterwards, from 8 KiB on; the longest 6.25 and 7.4 times.
func TestHeldOfOneByteRecords(t *testing.T) {
	worstPending, worst := 0.0, 0.0
	for size := 8 << 10; size <= DefaultMaxHello; size += 509 {
		message := hellotest.Plain(hellotest.SNI("a.example")).Pad(size).Message()
		raw := hellotest.Records(message, 1)
		i := NewInspection(0)
		i.Feed(raw[:len(raw)-1])
		worstPending = max(worstPending, float64(held(i))/float64(len(message)))
		if i.Feed(raw[len(raw)-1:]) != Found {
			t.Fatalf("%d bytes: %v", size, i.Outcome())
		}
		worst = max(worst, float64(held(i))/float64(len(message)))
		i.Release()
	}
	t.Logf("at most %.2f times the hello before it is whole, %.2f times afterwards", worstPending, worst)
	if worstPending > 7.5 || worst > 9.25 {
		t.Errorf("%.2f and %.2f times the hello are held", worstPending, worst)
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

// TestHeldForAnnouncement says how much will come, in every length there is, and sends nothing of
// it.
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
