// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// heaviest is the share of a server with the highest weight.
const heaviest = pool.MaxWeight * pool.Scale

// wrr is HAProxy's weighted round robin. A server has its turn each time that
// the round has gone on by the weight of all servers divided by its own; what
// the division leaves is carried, so that over a round each has exactly its
// share. A turn beyond the end of the round waits for the next one. Servers
// that were not in the round yet come in at the first turn that nobody else has
// a claim on, the heaviest first.
//
// It is not safe for concurrent use.
type wrr struct {
	position   int // the turns since the round began, from the weight of the last one
	weight     int // of all servers in this round
	nextWeight int // of all servers from now on

	running  serverHeap // has its turns in this round, by the next one
	entering serverHeap // has not been in the round, by weight
	waiting  serverHeap // has no more turns in this round, by weight

	servers map[string]*wrrServer // by server name
	view    []*pool.Server        // that are in the round
	serial  uint64                // of the last one put into a queue
}

// wrrServer is what is known of a server.
type wrrServer struct {
	heapItem
	share int         // of all turns
	due   int         // its next turn; in later, without the weight of this round
	carry int         // in units of 1/share, below share
	in    *serverHeap // nil: it is out of the round
}

// update has the round be that of a view. What has changed is taken over one
// server after the other.
func (w *wrr) update(v pool.View) {
	first := w.servers == nil
	if first {
		w.servers = make(map[string]*wrrServer, len(v.Servers))
	}
	here := make(map[string]bool, len(v.Servers))
	for _, s := range v.Servers {
		here[s.Name] = true
	}
	for _, gone := range w.view {
		if !here[gone.Name] {
			w.leave(w.servers[gone.Name])
		}
	}
	for i, s := range v.Servers {
		share := v.Shares[i]
		switch at := w.servers[s.Name]; {
		case first:
			w.enterFirst(s, share)
		case at == nil:
			w.enter(w.add(s), share)
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
func (w *wrr) forget() {
	if len(w.servers) > len(w.view)+remembered {
		maps.DeleteFunc(w.servers, func(_ string, at *wrrServer) bool { return at.in == nil })
	}
}

// add makes a rider of a server.
func (w *wrr) add(s *pool.Server) *wrrServer {
	at := &wrrServer{heapItem: heapItem{server: s}}
	at.owner = at
	w.servers[s.Name] = at
	return at
}

// enterFirst seats a server of a wheel that has not turned yet.
func (w *wrr) enterFirst(s *pool.Server, share int) {
	at := w.add(s)
	at.share = share
	w.weight += share
	w.position = w.weight
	w.nextWeight += share
	w.put(&w.entering, at, heaviest-share)
}

// leave takes a server out of the round.
func (w *wrr) leave(at *wrrServer) {
	w.remove(at)
	w.nextWeight -= at.share
	at.server = nil
}

// enter lets a server in that was not usable: in its fair distance, so that it
// does not get all turns at once.
func (w *wrr) enter(at *wrrServer, share int) {
	at.share = share
	w.nextWeight += share
	at.due = w.position + (w.nextWeight+w.weight-w.position)/share
	w.schedule(at)
}

// reweigh gives a server another share: what it had a claim on is void, but for
// what it carries.
func (w *wrr) reweigh(at *wrrServer, share int) {
	if at.share == share {
		return
	}
	w.remove(at)
	w.nextWeight -= at.share
	w.enter(at, share)
}

// next gives the next turn to the first server that suits; nil where none does.
// Those that do not lose theirs.
func (w *wrr) next(suits func(*pool.Server) bool) *pool.Server {
	var (
		passed []*wrrServer
		found  *pool.Server
		turned bool
	)
	for found == nil {
		at := w.first()
		if at == nil {
			if turned {
				break
			}
			w.startRound()
			turned = true
			continue
		}
		w.advance(at)
		w.remove(at)
		w.position++
		if !suits(at.server) {
			passed = append(passed, at)
			continue
		}
		found = at.server
		w.schedule(at)
	}
	for _, p := range slices.Backward(passed) {
		if turned { // its place is lost
			w.put(&w.entering, p, heaviest-p.share)
		} else {
			w.schedule(p)
		}
	}
	return found
}

// first is the server whose turn it is: one of the round, unless there is a hole
// in it and somebody to come in; nil if the round is over.
func (w *wrr) first() *wrrServer {
	at := w.running.first().wrrOwner()
	if at != nil && at.due <= w.position {
		return at
	}
	if fresh := w.entering.first().wrrOwner(); fresh != nil {
		fresh.due, fresh.carry = 0, 0
		return fresh
	}
	return at
}

// startRound begins the next round, which all that have waited for it enter.
func (w *wrr) startRound() {
	w.entering, w.waiting = w.waiting, w.entering
	for _, at := range w.entering.items {
		at.owner.in = &w.entering
	}
	w.weight = w.nextWeight
	w.position = w.weight
}

// advance moves a server to its next turn.
func (w *wrr) advance(at *wrrServer) {
	if at.due == 0 { // it comes in
		at.due = w.position
	}
	at.due += w.nextWeight / at.share
	at.carry += w.nextWeight % at.share
	if at.carry >= at.share {
		at.carry -= at.share
		at.due++
	}
}

// schedule has a server wait for its next turn: in this round if that is not over
// by then. Of several with one turn, the one comes first that carries least and
// weighs most.
func (w *wrr) schedule(at *wrrServer) {
	if at.due >= 2*w.weight || at.due >= w.weight+w.nextWeight {
		at.due -= w.weight
		w.put(&w.waiting, at, heaviest-at.share)
		return
	}
	w.put(&w.running, at, 256*at.due+(heaviest+at.carry-at.share)/pool.Scale)
}

func (w *wrr) put(q *serverHeap, at *wrrServer, key int) {
	w.serial++
	at.in, at.key, at.serial = q, key, w.serial
	q.push(&at.heapItem)
}

func (w *wrr) remove(at *wrrServer) {
	at.in.remove(&at.heapItem)
	at.in = nil
}

// adopt has the wheel turn by itself from where another one stands.
func (w *wrr) adopt(o *wrr) {
	if o.servers == nil {
		return
	}
	w.position, w.weight, w.nextWeight, w.serial, w.view = o.position, o.weight, o.nextWeight, o.serial, o.view
	w.servers = make(map[string]*wrrServer, len(o.servers))
	for name, at := range o.servers {
		kept := *at
		kept.owner = &kept
		w.servers[name] = &kept
	}
	for _, q := range []struct{ to, from *serverHeap }{{&w.running, &o.running}, {&w.entering, &o.entering}, {&w.waiting, &o.waiting}} {
		for _, at := range q.from.items {
			kept := w.servers[at.server.Name]
			kept.in = q.to
			q.to.items = append(q.to.items, &kept.heapItem)
		}
	}
}
