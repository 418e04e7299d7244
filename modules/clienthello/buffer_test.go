// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// held returns the bytes that the buffers of an inspection occupy.
func held(i *Inspection) int {
	return len(i.received.array) + len(i.joined.array)
}

// TestHeld bounds the memory of an inspection at each byte, whatever length the client announces.
// It holds one block of the bytes received, which exceeds them by at most 22 % from 48 KiB on and
// is at most twice as long below; and, once a message that spans several records is complete, one
// block of the message. A record has at most five bytes of header for one of the message, so
// received is at most 6 * message, and the total 468 KiB.
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

// TestHeldOfOneByteRecords checks the figures of docs/clienthello.md. From 8 KiB on, a hello in
// records of one byte occupies at most 7.5 times its length while incomplete, and at most 9.25
// times afterwards; the longest hello 6.25 and 7.4 times.
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

// Calling Space without using it does not make the buffer grow.
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

// TestHeldForAnnouncement announces bytes in every length field, and sends none.
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
