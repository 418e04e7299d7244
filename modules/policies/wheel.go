// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// scale is how finely positions are told apart: a server has scale turns a
// round for each unit of its weight. HAProxy's is the same, and with it the
// length of a round, on which depends what a change of weights does.
const scale = 16

// heaviest is the share of a server with the highest weight.
const heaviest = 256 * scale

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

	seats  map[string]*seat // by server name
	view   []*pool.Server   // that the seats are those of
	serial uint64           // of the last one put into a queue
}

// seat is what is known of a server.
type seat struct {
	server *pool.Server
	share  int // its weight, scaled
	due    int // its next turn; in later, without the weight of this round
	carry  int // in units of 1/share, below share

	in     *queue // nil: it is out of the round
	key    int    // its place there
	serial uint64 // among those of one key, the first in is the first out
}

func (s *seat) before(o *seat) bool {
	return s.key < o.key || s.key == o.key && s.serial < o.serial
}

// follow has the seats be those of a view. What has changed is taken over one
// server after the other.
func (w *wheel) follow(view []*pool.Server) {
	if len(view) == len(w.view) && &view[0] == &w.view[0] {
		return
	}
	first := w.seats == nil
	if first {
		w.seats = make(map[string]*seat, len(view))
	}
	here := make(map[string]bool, len(view))
	for _, s := range view {
		here[s.Name] = true
	}
	for _, gone := range w.view {
		if !here[gone.Name] {
			w.leave(w.seats[gone.Name])
		}
	}
	for _, s := range view {
		share := s.Weight * scale
		switch at := w.seats[s.Name]; {
		case first:
			w.begin(s, share)
		case at == nil:
			w.seats[s.Name] = &seat{server: s}
			w.enter(w.seats[s.Name], share)
		case at.in == nil:
			at.server = s
			w.enter(at, share)
		default:
			at.server = s
			w.reweigh(at, share)
		}
	}
	w.view = view
	w.forget()
}

// remembered is how many servers that have left are kept, for what they carry.
const remembered = 256

// forget drops those that have left where they have become many, as they do if
// each configuration has other names.
func (w *wheel) forget() {
	if len(w.seats) > len(w.view)+remembered {
		maps.DeleteFunc(w.seats, func(_ string, at *seat) bool { return at.in == nil })
	}
}

// begin seats a server of a wheel that has not turned yet.
func (w *wheel) begin(s *pool.Server, share int) {
	at := &seat{server: s, share: share}
	w.seats[s.Name] = at
	w.weight += share
	w.now = w.weight
	w.next += share
	w.put(&w.fresh, at, heaviest-share)
}

// leave takes a server out of the round.
func (w *wheel) leave(at *seat) {
	w.remove(at)
	w.next -= at.share
	at.server = nil
}

// enter lets a server in that was not usable: in its fair distance, so that it
// does not get all turns at once.
func (w *wheel) enter(at *seat, share int) {
	at.share = share
	w.next += share
	at.due = w.now + (w.next+w.weight-w.now)/share
	w.queue(at)
}

// reweigh gives a server another share: what it had a claim on is void, but for
// what it carries.
func (w *wheel) reweigh(at *seat, share int) {
	if at.share == share {
		return
	}
	w.remove(at)
	w.next -= at.share
	w.enter(at, share)
}

// turn gives the next turn to the first server that is not avoided; there must
// be one. Those that are lose theirs.
func (w *wheel) turn(avoids func(*pool.Server) bool) *pool.Server {
	var (
		passed []*seat
		turned bool
	)
	for {
		at := w.first()
		if at == nil {
			w.turnOver()
			turned = true
			continue
		}
		w.advance(at)
		w.remove(at)
		w.now++
		if avoids(at.server) {
			passed = append(passed, at)
			continue
		}
		w.queue(at)
		for _, p := range slices.Backward(passed) {
			if turned { // its place is lost
				w.put(&w.fresh, p, heaviest-p.share)
			} else {
				w.queue(p)
			}
		}
		return at.server
	}
}

// first is the server whose turn it is: one of the round, unless there is a hole
// in it and somebody to come in; nil if the round is over.
func (w *wheel) first() *seat {
	at := w.running.first()
	if at != nil && at.due <= w.now {
		return at
	}
	if fresh := w.fresh.first(); fresh != nil {
		fresh.due, fresh.carry = 0, 0
		return fresh
	}
	return at
}

// turnOver begins the next round, which all that have waited for it enter.
func (w *wheel) turnOver() {
	w.fresh, w.later = w.later, w.fresh
	for _, at := range w.fresh.seats {
		at.in = &w.fresh
	}
	w.weight = w.next
	w.now = w.weight
}

// advance moves a server to its next turn.
func (w *wheel) advance(at *seat) {
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
func (w *wheel) queue(at *seat) {
	if at.due >= 2*w.weight || at.due >= w.weight+w.next {
		at.due -= w.weight
		w.put(&w.later, at, heaviest-at.share)
		return
	}
	w.put(&w.running, at, 256*at.due+(heaviest+at.carry-at.share)/scale)
}

func (w *wheel) put(q *queue, at *seat, key int) {
	w.serial++
	at.in, at.key, at.serial = q, key, w.serial
	q.push(at)
}

func (w *wheel) remove(at *seat) {
	at.in.remove(at)
	at.in = nil
}

// adopt has the wheel turn by itself from where another one stands.
func (w *wheel) adopt(o *wheel) {
	w.now, w.weight, w.next, w.serial, w.view = o.now, o.weight, o.next, o.serial, o.view
	w.seats = make(map[string]*seat, len(o.seats))
	for name, at := range o.seats {
		kept := *at
		w.seats[name] = &kept
	}
	for _, q := range []struct{ to, from *queue }{{&w.running, &o.running}, {&w.fresh, &o.fresh}, {&w.later, &o.later}} {
		for _, at := range q.from.seats {
			kept := w.seats[at.server.Name]
			kept.in = q.to
			q.to.seats = append(q.to.seats, kept)
		}
	}
}
