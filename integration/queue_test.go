// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A client that leaves the queue is noticed at once, and the next one moves up; without
// abortonclose, a client that closes its direction has not left.
func TestClientsLeaveTheQueue(t *testing.T) {
	t.Parallel()
	finThenReset := func(c *net.TCPConn) error {
		if err := c.CloseWrite(); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond) // so that the two events are distinct
		return reset(c)
	}
	for _, c := range []struct {
		name, backend string
		leave         func(*net.TCPConn) error
		end           string // empty: no end
	}{
		{"reset", "", reset, `client_reset CD client "" 0/1`},
		{"reset with abortonclose", "abortonclose\n", reset, `client_reset CD client "" 0/1`},
		{"FIN, then reset", "", finThenReset, `client_reset CD client "" 0/1`},
		{"FIN with abortonclose", "abortonclose\n", (*net.TCPConn).CloseWrite, `client_left CQ client "" 0/1`},
		{"FIN", "", (*net.TCPConn).CloseWrite, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := startQueueing(t, c.backend+"server $s1 maxconn 1")
			first := say(t, q.address, "a")
			q.arrive(t, "s1 a")
			leaving := q.wait(t, "b", 1)
			next := q.wait(t, "c", 2)
			if err := c.leave(leaving); err != nil {
				t.Fatal(err)
			}
			if c.end != "" {
				q.ends(t, leaving, c.end)
				q.waiting(t, 1)
				q.served(t, "a", first, "s1")
				q.arrive(t, "s1 c")
				q.served(t, "c", next, "s1")
				q.ends(t, next, `complete -- server "s1" 0/1`)
			} else {
				q.quiet(t)
				q.waiting(t, 2)
				q.served(t, "a", first, "s1")
				q.arrive(t, "s1 b")
				q.waiting(t, 1)
				q.served(t, "b", leaving, "s1")
				q.arrive(t, "s1 c")
				q.served(t, "c", next, "s1")
				q.ends(t, leaving, `complete -- client "s1" 0/1`)
				q.ends(t, next, `complete -- server "s1" 0/2`)
			}
			if l := q.ended(t, first); l.String() != `complete -- server "s1" 0/0` || l.QueueTime != 0 {
				t.Errorf("connection that did not wait: %+v", *l)
			}
		})
	}
}

// With leastconn, connections wait for whichever server first has a free slot, in order of arrival,
// although each server could have its own queue.
func TestQueuesOfServers(t *testing.T) {
	q := startQueueing(t, "balance leastconn\nserver $s1 maxconn 1 maxqueue 1\nserver $s2 maxconn 1 maxqueue 1")
	a := say(t, q.address, "a")
	q.arrive(t, "s1 a")
	b := say(t, q.address, "b")
	q.arrive(t, "s2 b")
	c, d, e := q.wait(t, "c", 1), q.wait(t, "d", 2), q.wait(t, "e", 3)
	q.served(t, "b", b, "s2")
	q.arrive(t, "s2 c")
	q.served(t, "c", c, "s2")
	q.arrive(t, "s2 d")
	q.served(t, "a", a, "s1")
	q.arrive(t, "s1 e")
	q.served(t, "d", d, "s2")
	q.served(t, "e", e, "s1")
	q.ends(t, c, `complete -- server "s2" 0/1`)
	q.ends(t, d, `complete -- server "s2" 0/2`)
	q.ends(t, e, `complete -- server "s1" 0/3`)
}

// Connections that have waited for too long, or may not wait, get a TLS alert.
func TestQueueEnds(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, c *net.TCPConn) {
		t.Helper()
		if got, err := io.ReadAll(c); err != nil || string(got) != "\x15\x03\x01\x00\x02\x02\x50" {
			t.Errorf("the client got %q (%v)", got, err)
		}
	}
	t.Run("timeout", func(t *testing.T) {
		q := startQueueing(t, "balance source\nserver $s1 maxconn 1 maxqueue 2\ntimeouts queue 5s")
		a := say(t, q.address, "a")
		q.arrive(t, "s1 a")
		b, c := q.wait(t, "b", 1), q.wait(t, "c", 2)
		refused(t, b)
		refused(t, c)
		q.ends(t, b, `queue_timeout sQ proxy "s1" 1/0`)
		q.ends(t, c, `queue_timeout sQ proxy "s1" 1/0`)
		q.served(t, "a", a, "s1")
	})
	t.Run("timeout of any server", func(t *testing.T) {
		q := startQueueing(t, "balance leastconn\nserver $s1 maxconn 1 maxqueue 1\ntimeouts queue 5s")
		a := say(t, q.address, "a")
		q.arrive(t, "s1 a")
		b := q.wait(t, "b", 1)
		refused(t, b)
		q.ends(t, b, `queue_timeout sQ proxy "" 0/1`)
		q.served(t, "a", a, "s1")
	})
	t.Run("full", func(t *testing.T) {
		q := startQueueing(t, "balance source\nserver $s1 maxconn 1 maxqueue 1")
		a := say(t, q.address, "a")
		q.arrive(t, "s1 a")
		b := q.wait(t, "b", 1)
		c := say(t, q.address, "c")
		refused(t, c)
		if l := q.ended(t, c); l.String() != `queue_full SQ proxy "s1" 0/0` || l.QueueTime != -1 {
			t.Errorf("logged %+v", *l)
		}
		q.served(t, "a", a, "s1")
		q.arrive(t, "s1 b")
		q.served(t, "b", b, "s1")
		q.ends(t, b, `complete -- server "s1" 1/0`)
	})
}

// Connections that wait when the configuration changes are served by the new one at once, without
// the arrival of another one.
func TestReloadServesTheQueue(t *testing.T) {
	t.Parallel()
	t.Run("more room", func(t *testing.T) {
		q := startQueueing(t, "server $s1 maxconn 1")
		first := say(t, q.address, "a")
		q.arrive(t, "s1 a")
		var waiting []*net.TCPConn
		for i, client := range []string{"b", "c", "d", "e", "f"} {
			waiting = append(waiting, q.wait(t, client, i+1))
		}
		q.reconfigure(t, "server $s1 maxconn 3")
		q.arrive(t, "s1 b", "s1 c")
		q.waiting(t, 3)
		q.quiet(t)
		q.served(t, "a", first, "s1")
		q.arrive(t, "s1 d")
		q.quiet(t)
		q.reconfigure(t, "server $s1 maxconn 1")
		q.served(t, "b", waiting[0], "s1")
		q.served(t, "c", waiting[1], "s1")
		q.quiet(t) // with d, the limit is still reached
		q.served(t, "d", waiting[2], "s1")
		q.arrive(t, "s1 e")
		q.served(t, "e", waiting[3], "s1")
		q.arrive(t, "s1 f")
		q.served(t, "f", waiting[4], "s1")
		for i, c := range waiting {
			q.ends(t, c, fmt.Sprintf(`complete -- server "s1" 0/%d`, i+1))
		}
	})

	const s1, s2, s3 = "server $s1 maxconn 1 maxqueue 1", "\nserver $s2 maxconn 1 maxqueue 1", "\nserver $s3 maxconn 1 maxqueue 1"
	for _, c := range []struct {
		name, then string // the configuration without s1
		free       bool   // s3 has a free slot
		end        string // end of the connection that has waited longest
	}{
		{"server removed, another free", s2 + s3, true, `complete -- server "s3" 0/1`},
		{"server disabled, another free", s1 + " disabled" + s2 + s3, true, `complete -- server "s3" 0/1`},
		{"server removed, others full", s2, false, `complete -- server "s2" 0/1`},
		{"server disabled, others full", s1 + " disabled" + s2, false, `complete -- server "s2" 0/1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := startQueueing(t, "balance leastconn\n"+s1+s2)
			atFirst := say(t, q.address, "a")
			q.arrive(t, "s1 a")
			atSecond := say(t, q.address, "b")
			q.arrive(t, "s2 b")
			moves, stays := q.wait(t, "c", 1), q.wait(t, "d", 2)
			q.reconfigure(t, "balance leastconn\n"+c.then)
			if c.free {
				q.arrive(t, "s3 c")
				q.waiting(t, 1)
			}
			q.served(t, "a", atFirst, "s1") // its session continues, but no other gets its slot
			q.quiet(t)
			q.served(t, "b", atSecond, "s2")
			server := "s3"
			if !c.free {
				q.arrive(t, "s2 c") // it has waited longer than d
				server = "s2"
				q.served(t, "c", moves, server)
			}
			q.arrive(t, "s2 d")
			if c.free {
				q.served(t, "c", moves, server)
			}
			q.served(t, "d", stays, "s2")
			q.ends(t, moves, c.end)
			q.ends(t, stays, `complete -- server "s2" 0/2`)
		})
	}
}

// A configuration that fails, however late, serves no waiting connection.
func TestFailedReloadKeepsTheQueue(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	q := startQueueing(t, "server $s1 maxconn 1")
	a := say(t, q.address, "a")
	q.arrive(t, "s1 a")
	b, c := q.wait(t, "b", 1), q.wait(t, "c", 2)
	better := "server $s1 maxconn 3\nserver $s2"
	for _, f := range []struct{ why, backend, frontends string }{
		{"unknown option", better + "\nmaxcon 3", ""},
		{`backend \"wbe\"`, better, "durable/" + freeAddress(t) + " {\n route {\n passthrough {\n name other\n default_backend wbe\n }\n }\n }"},
		{"address already in use", better, taken.Addr().String() + " {\n route {\n passthrough {\n name other\n default_backend web\n }\n }\n }"},
	} {
		for range 4 { // apps start in any order
			if err := q.reload(t, q.config(f.backend, f.frontends), ""); err == nil || !strings.Contains(err.Error(), f.why) {
				t.Errorf("want a failure with %q, got %v", f.why, err)
			}
			q.waiting(t, 2)
			q.quiet(t)
		}
	}
	q.served(t, "a", a, "s1")
	q.arrive(t, "s1 b")
	q.quiet(t)
	q.served(t, "b", b, "s1")
	q.arrive(t, "s1 c")
	q.served(t, "c", c, "s1")
	q.ends(t, c, `complete -- server "s1" 0/2`)
}

// shares returns the number of short connections by server.
func (q *queueing) shares(t *testing.T, clients int) map[string]int {
	t.Helper()
	shares := make(map[string]int)
	for range clients {
		c := say(t, q.address, "x")
		select {
		case g := <-q.came:
			close(g.leave)
		case <-time.After(patience):
			t.Fatalf("a client reached no server:\n%s", q.log())
		}
		name, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		shares[string(name)]++
	}
	return shares
}

// A reload changes shares at once, but a server that returns with slowstart gets its own gradually.
func TestReloadChangesShares(t *testing.T) {
	q := startQueueing(t, "server $s1\nserver $s2 disabled")
	if got := q.shares(t, 8); got["s1"] != 8 {
		t.Errorf("with s2 disabled: %v", got)
	}
	q.reconfigure(t, "server $s1\nserver $s2 slowstart 3s")
	if got := q.shares(t, 34); got["s2"] == 0 || got["s2"] > 12 {
		t.Errorf("s2 just returned: %v", got)
	}
	time.Sleep(4 * time.Second)
	if got := q.shares(t, 34); got["s2"] < 15 || got["s2"] > 19 {
		t.Errorf("s2 after slowstart: %v", got)
	}
	q.reconfigure(t, "server $s1 weight 3\nserver $s2 slowstart 3s")
	if got := q.shares(t, 40); got["s1"] < 29 || got["s1"] > 31 {
		t.Errorf("with weights 3 and 1: %v", got)
	}
}
