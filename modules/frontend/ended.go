// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Ended is a connection that has ended, with the facts of its log line.
type Ended struct {
	// ID is the one that the connection had as a Live.
	ID uint64
	// At is when it ended.
	At                                 time.Time
	Frontend, Backend, Server, Address string // empty if none was chosen
	Client                             tcplog.Addr
	// Name is the name that the client asked for.
	Name string
	// Outcome is that of the inspection, unless the client's bytes were not looked at (Uninspected).
	Outcome     clienthello.Outcome
	Uninspected bool
	// Version is the highest version of TLS that the client offered, 0 without a hello.
	Version uint16
	// ServerVersion and ServerAlert are as in tcplog.Record.
	ServerVersion, ServerAlert uint8
	// HelloWait, Queue and Connect are tcplog.NotReached if the connection did not get that far.
	HelloWait, Queue, Connect, Duration time.Duration
	In, Out                             int64
	Retries                             int
	Redispatched                        bool
	// End says how the connection ended, and By which side ended it. Error is the cause, if more is
	// known.
	End   tcplog.End
	By    relay.Side
	Error string
}

// OutcomeName returns the outcome as in the log.
func (e *Ended) OutcomeName() string {
	if e.Uninspected {
		return "none"
	}
	return e.Outcome.String()
}

// ServerTLS returns what the server's first bytes were, as that of tcplog.Record.
func (e *Ended) ServerTLS() (version uint16, alert uint8, refused bool) {
	r := tcplog.Record{ServerVersion: e.ServerVersion, ServerAlert: e.ServerAlert}
	return r.ServerTLS()
}

// EndFilter says which ended connections are meant: those that match all fields that are set.
type EndFilter struct {
	Frontend, Backend, Server string
	// Source has the client's address.
	Source netip.Prefix
	// Name is the name that the client asked for, or *.DOMAIN for all names below a domain.
	Name string
	// Letters are HAProxy's termination letters, such as SC.
	Letters string
	// Failed says that the connection was refused or failed: see tcplog.End.IsFailure.
	Failed bool
}

// RecentEnds returns the last connections that have ended, of those that f matches, the newest
// first: no more than limit (0: all). It knows the last KeptEnds of the process, and as many that
// failed if f asks for those or for letters. Connections over a limit of their frontend are not
// among them, as in the log.
func RecentEnds(f EndFilter, limit int) []Ended {
	slots := lastSlots(func(o *endsOfLane) *endRing { return &o.all })
	if f.Failed || f.Letters != "" {
		slots = append(slots, lastSlots(func(o *endsOfLane) *endRing { return &o.failed })...)
	}
	slices.SortFunc(slots, newestFirst)
	slots = slices.CompactFunc(slots, func(a, b endSlot) bool { return a.id == b.id })
	list := []Ended{}
	for i := range slots {
		if limit > 0 && len(list) == limit {
			break
		}
		if e := slots[i].shown(); f.matches(&e) {
			list = append(list, e)
		}
	}
	return list
}

func newestFirst(a, b endSlot) int {
	return cmp.Or(cmp.Compare(b.ended, a.ended), cmp.Compare(b.id, a.id))
}

// lastSlots returns a copy of the newest slots of all lanes.
func lastSlots(of func(*endsOfLane) *endRing) (slots []endSlot) {
	recentEnds.Each(func(o *endsOfLane) {
		for i := range of(o).slots {
			if s := of(o).slots[i]; s.id != 0 {
				s.texts = slices.Clone(s.texts)
				slots = append(slots, s)
			}
		}
	})
	slices.SortFunc(slots, newestFirst)
	return slots[:min(len(slots), KeptEnds)]
}

// shown returns what a slot says.
func (s *endSlot) shown() Ended {
	texts := string(s.texts)
	name, rest := texts[:s.name], texts[s.name:]
	return Ended{
		ID: s.id, At: epoch.Add(s.ended), Frontend: s.frontend, Backend: s.backend, Server: s.server, Address: rest[:s.address],
		Client: s.client, Name: name, Outcome: s.outcome, Uninspected: s.uninspected, Version: s.version,
		ServerVersion: s.serverVersion, ServerAlert: s.serverAlert,
		HelloWait: s.helloWait, Queue: s.queue, Connect: s.connect, Duration: s.duration, In: s.in, Out: s.out,
		Retries: int(s.retries), Redispatched: s.redispatched, End: s.end, By: s.by, Error: rest[s.address:],
	}
}

func (f *EndFilter) matches(e *Ended) bool {
	return (f.Frontend == "" || f.Frontend == e.Frontend) &&
		(f.Backend == "" || f.Backend == e.Backend) &&
		(f.Server == "" || f.Server == e.Server) &&
		(f.Letters == "" || f.Letters == e.End.Letters()) &&
		(!f.Failed || e.End.IsFailure()) &&
		(!f.Source.IsValid() || f.Source.Contains(e.Client.IP())) &&
		(f.Name == "" || matchesName(f.Name, e.Name))
}
