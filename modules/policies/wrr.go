// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// heaviest is the share of a server with the maximum weight.
const heaviest = pool.MaxWeight * pool.Scale

// wrr is HAProxy's weighted round robin. A server's turns are spaced by the total weight divided by
// its own; the remainder is carried over, so that each server gets exactly its share of a round. A
// turn that falls beyond the end of a round waits for the next one. Servers that are new to the
// round enter at the first turn that no other server claims, heaviest first.
//
// It is not safe for concurrent use.
type wrr struct {
	position   int // turns since the round began, starting at the weight of the last one
	weight     int // total of this round
	nextWeight int // total from now on, used by the next round

	running  serverHeap // have turns in this round, ordered by the next turn
	entering serverHeap // new to the round, ordered by weight
	waiting  serverHeap // done with this round, ordered by weight

	servers map[string]*wrrServer // by name, including some that have left
	view    []*pool.Server        // the servers in the round
	serial  uint64                // of the last item put into a heap
}

// wrrServer is the state of a server in the round robin.
type wrrServer struct {
	heapItem
	share int         // of the total weight
	due   int         // its next turn; in waiting, relative to the next round
	carry int         // carried remainder, in units of 1/share, below share
	in    *serverHeap // running, entering or waiting; nil: not in the round
}

// update applies a new view, one changed server after the other.
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

// remembered is the number of departed servers that are kept, for the remainders that they carry.
const remembered = 256

// forget drops departed servers when there are too many of them, as when each configuration has new
// names.
func (w *wrr) forget() {
	if len(w.servers) > len(w.view)+remembered {
		maps.DeleteFunc(w.servers, func(_ string, at *wrrServer) bool { return at.in == nil })
	}
}

// add creates the state of a server.
func (w *wrr) add(s *pool.Server) *wrrServer {
	at := &wrrServer{heapItem: heapItem{server: s}}
	at.owner = at
	w.servers[s.Name] = at
	return at
}

// enterFirst puts a server into a wrr that has not had a turn yet.
func (w *wrr) enterFirst(s *pool.Server, share int) {
	at := w.add(s)
	at.share = share
	w.weight += share
	w.position = w.weight
	w.nextWeight += share
	w.put(&w.entering, at, heaviest-share)
}

// leave removes a server from the round.
func (w *wrr) leave(at *wrrServer) {
	w.remove(at)
	w.nextWeight -= at.share
	at.server = nil
}

// enter puts a server that was not usable into the round, at a fair distance, so that it does not
// get all turns at once.
func (w *wrr) enter(at *wrrServer, share int) {
	at.share = share
	w.nextWeight += share
	at.due = w.position + (w.nextWeight+w.weight-w.position)/share
	w.schedule(at)
}

// reweigh changes a server's share. The server loses its next turn, but keeps its remainder.
func (w *wrr) reweigh(at *wrrServer, share int) {
	if at.share == share {
		return
	}
	w.remove(at)
	w.nextWeight -= at.share
	w.enter(at, share)
}

// next gives the next turn to the first server that suits, and returns it; nil if none does.
// Servers that do not suit lose their turn.
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
		if turned { // they enter the new round instead
			w.put(&w.entering, p, heaviest-p.share)
		} else {
			w.schedule(p)
		}
	}
	return found
}

// first returns the server whose turn it is: the next one of the round, or a new server if the
// current turn is unclaimed; nil if the round is over.
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

// startRound starts the next round with the waiting servers.
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
	if at.due == 0 { // it is new to the round
		at.due = w.position
	}
	at.due += w.nextWeight / at.share
	at.carry += w.nextWeight % at.share
	if at.carry >= at.share {
		at.carry -= at.share
		at.due++
	}
}

// schedule puts a server into the heap for its next turn: that of this round, or of the next one if
// this round ends before. For equal turns, the server with the smaller remainder and the greater
// weight comes first.
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

// adopt copies the state of another wrr, which may go on independently.
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
