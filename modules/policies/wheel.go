// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// heaviest is the share of a server with the highest weight.
const heaviest = pool.MaxWeight * pool.Scale

// wheel is HAProxy's weighted round robin. A server has its turn each time that
// the round has gone on by the weight of all servers divided by its own; what
// the division leaves is carried, so that over a round each has exactly its
// share. A turn beyond the end of the round waits for the next one. Servers
// that were not in the round yet come in at the first turn that nobody else has
// a claim on, the heaviest first.
//
// It is not safe for concurrent use.
type wheel struct {
	now    int // the turns since the round began, from the weight of the last one
	weight int // of all servers in this round
	next   int // of all servers from now on

	running queue // has its turns in this round, by the next one
	fresh   queue // has not been in the round, by weight
	later   queue // has no more turns in this round, by weight

	riders map[string]*rider // by server name
	view   []*pool.Server    // that are in the round
	serial uint64            // of the last one put into a queue
}

// rider is what is known of a server.
type rider struct {
	seat
	share int    // of all turns
	due   int    // its next turn; in later, without the weight of this round
	carry int    // in units of 1/share, below share
	in    *queue // nil: it is out of the round
}

// follow has the round be that of a view. What has changed is taken over one
// server after the other.
func (w *wheel) follow(v pool.View) {
	first := w.riders == nil
	if first {
		w.riders = make(map[string]*rider, len(v.Servers))
	}
	here := make(map[string]bool, len(v.Servers))
	for _, s := range v.Servers {
		here[s.Name] = true
	}
	for _, gone := range w.view {
		if !here[gone.Name] {
			w.leave(w.riders[gone.Name])
		}
	}
	for i, s := range v.Servers {
		share := v.Shares[i]
		switch at := w.riders[s.Name]; {
		case first:
			w.begin(s, share)
		case at == nil:
			w.enter(w.join(s), share)
		case at.in == nil:
			at.server = s
			w.enter(at, share)
		default:
			at.server = s
			w.reweigh(at, share)
		}
	}
	w.view = v.Servers
	w.forget()
}

// remembered is how many servers that have left are kept, for what they carry.
const remembered = 256

// forget drops those that have left where they have become many, as they do if
// each configuration has other names.
func (w *wheel) forget() {
	if len(w.riders) > len(w.view)+remembered {
		maps.DeleteFunc(w.riders, func(_ string, at *rider) bool { return at.in == nil })
	}
}

// join makes a rider of a server.
func (w *wheel) join(s *pool.Server) *rider {
	at := &rider{seat: seat{server: s}}
	at.rider = at
	w.riders[s.Name] = at
	return at
}

// begin seats a server of a wheel that has not turned yet.
func (w *wheel) begin(s *pool.Server, share int) {
	at := w.join(s)
	at.share = share
	w.weight += share
	w.now = w.weight
	w.next += share
	w.put(&w.fresh, at, heaviest-share)
}

// leave takes a server out of the round.
func (w *wheel) leave(at *rider) {
	w.remove(at)
	w.next -= at.share
	at.server = nil
}

// enter lets a server in that was not usable: in its fair distance, so that it
// does not get all turns at once.
func (w *wheel) enter(at *rider, share int) {
	at.share = share
	w.next += share
	at.due = w.now + (w.next+w.weight-w.now)/share
	w.queue(at)
}

// reweigh gives a server another share: what it had a claim on is void, but for
// what it carries.
func (w *wheel) reweigh(at *rider, share int) {
	if at.share == share {
		return
	}
	w.remove(at)
	w.next -= at.share
	w.enter(at, share)
}

// turn gives the next turn to the first server that suits; nil where none does.
// Those that do not lose theirs.
func (w *wheel) turn(suits func(*pool.Server) bool) *pool.Server {
	var (
		passed []*rider
		found  *pool.Server
		turned bool
	)
	for found == nil {
		at := w.first()
		if at == nil {
			if turned {
				break
			}
			w.turnOver()
			turned = true
			continue
		}
		w.advance(at)
		w.remove(at)
		w.now++
		if !suits(at.server) {
			passed = append(passed, at)
			continue
		}
		found = at.server
		w.queue(at)
	}
	for _, p := range slices.Backward(passed) {
		if turned { // its place is lost
			w.put(&w.fresh, p, heaviest-p.share)
		} else {
			w.queue(p)
		}
	}
	return found
}

// first is the server whose turn it is: one of the round, unless there is a hole
// in it and somebody to come in; nil if the round is over.
func (w *wheel) first() *rider {
	at := w.running.first().whose()
	if at != nil && at.due <= w.now {
		return at
	}
	if fresh := w.fresh.first().whose(); fresh != nil {
		fresh.due, fresh.carry = 0, 0
		return fresh
	}
	return at
}

// turnOver begins the next round, which all that have waited for it enter.
func (w *wheel) turnOver() {
	w.fresh, w.later = w.later, w.fresh
	for _, at := range w.fresh.seats {
		at.rider.in = &w.fresh
	}
	w.weight = w.next
	w.now = w.weight
}

// advance moves a server to its next turn.
func (w *wheel) advance(at *rider) {
	if at.due == 0 { // it comes in
		at.due = w.now
	}
	at.due += w.next / at.share
	at.carry += w.next % at.share
	if at.carry >= at.share {
		at.carry -= at.share
		at.due++
	}
}

// queue has a server wait for its next turn: in this round if that is not over
// by then. Of several with one turn, the one comes first that carries least and
// weighs most.
func (w *wheel) queue(at *rider) {
	if at.due >= 2*w.weight || at.due >= w.weight+w.next {
		at.due -= w.weight
		w.put(&w.later, at, heaviest-at.share)
		return
	}
	w.put(&w.running, at, 256*at.due+(heaviest+at.carry-at.share)/pool.Scale)
}

func (w *wheel) put(q *queue, at *rider, key int) {
	w.serial++
	at.in, at.key, at.serial = q, key, w.serial
	q.push(&at.seat)
}

func (w *wheel) remove(at *rider) {
	at.in.remove(&at.seat)
	at.in = nil
}

// adopt has the wheel turn by itself from where another one stands.
func (w *wheel) adopt(o *wheel) {
	if o.riders == nil {
		return
	}
	w.now, w.weight, w.next, w.serial, w.view = o.now, o.weight, o.next, o.serial, o.view
	w.riders = make(map[string]*rider, len(o.riders))
	for name, at := range o.riders {
		kept := *at
		kept.rider = &kept
		w.riders[name] = &kept
	}
	for _, q := range []struct{ to, from *queue }{{&w.running, &o.running}, {&w.fresh, &o.fresh}, {&w.later, &o.later}} {
		for _, at := range q.from.seats {
			kept := w.riders[at.server.Name]
			kept.in = q.to
			q.to.seats = append(q.to.seats, &kept.seat)
		}
	}
}
