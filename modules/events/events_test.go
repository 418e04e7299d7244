// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

// numbers returns the numbers of events.
func numbers(list []Event) (n []uint64) {
	for _, e := range list {
		n = append(n, e.Number)
	}
	return n
}

// TestAfter asks for events, of which there are more than a log keeps.
func TestAfter(t *testing.T) {
	t.Parallel()
	var l Log
	if list := l.After(0, 0); len(list) != 0 || l.Last() != 0 {
		t.Errorf("an empty log has %v", list)
	}
	for range keep + 5 {
		l.Add(Event{Kind: ServerDown})
	}
	for name, c := range map[string]struct {
		after            uint64
		limit            int
		n                int
		from, to, atLast uint64
	}{
		"all":              {0, 0, keep, 6, keep + 5, keep + 5},
		"the last three":   {0, 3, 3, keep + 3, keep + 5, keep + 5},
		"after one":        {keep, 0, 5, keep + 1, keep + 5, keep + 5},
		"of another start": {keep + 100, 0, 0, 0, 0, keep + 5},
	} {
		got := numbers(l.After(c.after, c.limit))
		if len(got) != c.n || c.n > 0 && (got[0] != c.from || got[len(got)-1] != c.to) || l.Last() != c.atLast {
			t.Errorf("%s: %d events: %v", name, len(got), got)
		}
	}
}

// TestFollow follows a log to which events are added.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l Log
		l.Add(Event{Text: "before"})
		l.Add(Event{Text: "first"})
		ctx, cancel := context.WithCancel(t.Context())
		var got []Event
		var following sync.WaitGroup
		following.Go(func() {
			for e := range l.Follow(ctx, 1) {
				got = append(got, e)
			}
		})
		synctest.Wait()
		l.Add(Event{Text: "second"})
		synctest.Wait()
		l.Add(Event{Text: "third"})
		synctest.Wait()
		cancel()
		following.Wait()
		if len(got) != 3 || got[0].Text != "first" || got[2].Text != "third" || got[2].Number != 4 || got[2].At.IsZero() {
			t.Errorf("followed %+v", got)
		}
	})
}

// TestFollowEndsEarly stops a loop over events, of which there are more.
func TestFollowEndsEarly(t *testing.T) {
	t.Parallel()
	var l Log
	for range 3 {
		l.Add(Event{})
	}
	n := 0
	for range l.Follow(t.Context(), 0) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d events", n)
	}
}
