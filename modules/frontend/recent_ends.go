// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// KeptEnds is the number of connections whose ends are remembered: of the last ones, and of the
// last ones that were refused or failed.
const KeptEnds = 200

// recentEnds holds the ends of the process's last connections.
var recentEnds tally.Split[endsOfLane]

// endsOfLane holds the last ends of a lane.
type endsOfLane struct{ all, failed endRing }

// endRing holds the last ends. It allocates nothing after its first rounds: the texts of an end
// take the place of those of an earlier one.
type endRing struct {
	slots []endSlot
	next  int
}

// endSlot is a connection that has ended. What the connection owned has been copied.
type endSlot struct {
	id                        uint64        // 0: there was no connection
	ended                     time.Duration // since epoch
	in, out                   int64
	helloWait, queue, connect time.Duration
	duration                  time.Duration
	frontend, backend, server string
	client                    tcplog.Addr
	texts                     []byte // the name, the server's address and the error
	name, address             uint16 // the lengths of the former two
	retries                   uint16
	version                   uint16
	serverVersion             uint8
	serverAlert               uint8
	outcome                   clienthello.Outcome
	end                       tcplog.End
	by                        relay.Side
	uninspected, redispatched bool
}

// maxEndText is the longest text of an end that is kept whole.
const maxEndText = 255

// add remembers an end. It does not block.
func (o *endsOfLane) add(e *ending, r *tcplog.Record, facts *tcplog.Facts) {
	o.all.slot().set(e, r, facts)
	if e.end.IsFailure() {
		o.failed.slot().set(e, r, facts)
	}
}

// slot returns the slot for the next end.
func (o *endRing) slot() *endSlot {
	if o.slots == nil {
		o.slots = make([]endSlot, KeptEnds)
	}
	s := &o.slots[o.next]
	o.next = (o.next + 1) % KeptEnds
	return s
}

func (s *endSlot) set(e *ending, r *tcplog.Record, facts *tcplog.Facts) {
	name, address := cutText(facts.ServerName), cutText(facts.Address)
	s.texts = append(append(append(s.texts[:0], name...), address...), cutText(r.Error)...)
	s.name, s.address = uint16(len(name)), uint16(len(address))
	s.id, s.ended, s.duration, s.in, s.out = e.id, e.at.Sub(epoch), r.Duration, r.In, r.Out
	s.helloWait, s.queue, s.connect = facts.HelloWait, facts.Queue, facts.Connect
	s.frontend, s.backend, s.server, s.client = r.Frontend, r.Backend, r.Server, facts.Client.Kept()
	s.retries, s.redispatched = uint16(min(facts.Retries, 1<<16-1)), facts.Redispatched
	s.version, s.serverVersion, s.serverAlert = facts.Version, r.ServerVersion, r.ServerAlert
	s.outcome, s.uninspected, s.end, s.by = facts.Outcome, facts.Uninspected, e.end, e.by
}

func cutText(text string) string { return text[:min(len(text), maxEndText)] }
