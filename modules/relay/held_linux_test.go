// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"testing"
)

// TestHeldAfterArrival holds the server's bytes back in a session that began by its client alone.
func TestHeldAfterArrival(t *testing.T) {
	i := &inspector{decide: lines}
	g := newGuide(5, map[Event]func(*scriptedHandler, News) Step{Received: connectTo(echo(t)), Connected: func(g *scriptedHandler, n News) Step {
		g.s.HoldResponse(i, false)
		return relayMinute(g, n)
	}})
	client := arrive(t, g)
	send(t, client, "hello")
	for len(callsOf(i)) < 2 { // without bytes, and with the first ones
		g.s.mu.Lock()
		g.s.mu.Unlock() //nolint:staticcheck // the shard gets its turn
	}
	if got := g.s.Counters().Out; got != 0 {
		t.Errorf("the client has got %d bytes", got)
	}
	send(t, client, "\n")
	receive(t, client, "hello\n")
	client.Close()
	check(t, <-g.result, Client, Closed, 6, 6)
	if last := callsOf(i); last[len(last)-1] != "hello\n" {
		t.Errorf("asked about %q", last)
	}
}
