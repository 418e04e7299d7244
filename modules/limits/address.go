// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// AddressLimits are limits for each client address; 0: none.
type AddressLimits struct {
	Conns  int // concurrent connections
	Rate   int // connections within Period, including those that are refused
	Period time.Duration
}

// Reason says why a connection is refused.
type Reason uint8

// The reasons.
const (
	Granted Reason = iota // it is not
	PerIP
	RateExceeded
	UnfinishedHellos
	ReasonCount
)

var reasonNames = [ReasonCount]string{Granted: "granted", PerIP: "per_ip", RateExceeded: "rate", UnfinishedHellos: "unfinished_hellos"}

// String returns the reason's name at the admin endpoint and in the log.
func (r Reason) String() string { return reasonNames[r] }

// maxAddresses bounds the addresses that a table knows; the one that was silent for longest gives
// way to a new one. If all have connections that are held, those of further ones are not limited.
const maxAddresses = 1 << 20

// minExpire is the least time for which an address without connections is remembered.
const minExpire = 10 * time.Second

// Addresses counts the connections of client addresses: IPv4 addresses one by one, also mapped
// ones, IPv6 addresses by their first 64 bits, since a client can choose the rest. The zero value
// is ready. It is safe for concurrent use.
type Addresses struct {
	mu    sync.Mutex // held by Configure
	table atomic.Pointer[tables.Table]
}

// Configure sets the period of the rate. The counts of open connections continue.
func (a *Addresses) Configure(period time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	period = max(period, time.Millisecond)
	c := AddressTable(period)
	c.Store = append(c.Store, tables.Store{Data: tables.ConnCurrent})
	if t := a.table.Load(); t != nil {
		t.Reconfigure(c)
		return
	}
	a.table.Store(tables.New(c))
}

// Enter counts a connection from an address, or returns why it exceeds the limits. held says that
// Leave must follow.
func (a *Addresses) Enter(from netip.Addr, l AddressLimits) (why Reason, held bool) {
	t := a.table.Load()
	if t == nil || !from.IsValid() {
		return Granted, false
	}
	key := Network(from, 64).As16()
	entry, ok := t.Track(key[:])
	if !ok { // the table is full of addresses with connections
		return Granted, false
	}
	entry.Do(func(row tables.Row) {
		row.Add(tables.ConnRate, 0, 1)
		rate, _ := row.Get(tables.ConnRate, 0)
		conns, _ := row.Get(tables.ConnCurrent, 0)
		switch {
		case l.Rate > 0 && rate > int64(l.Rate):
			why = RateExceeded
		case l.Conns > 0 && conns >= int64(l.Conns):
			why = PerIP
		default:
			row.Add(tables.ConnCurrent, 0, 1)
		}
	})
	if why != Granted {
		entry.Release()
		return why, false
	}
	return Granted, true
}

// Leave undoes an Enter that has counted a connection.
func (a *Addresses) Leave(from netip.Addr) {
	key := Network(from, 64).As16()
	entry, ok := a.table.Load().Track(key[:])
	if !ok { // it is there: Enter holds it
		return
	}
	entry.Do(func(row tables.Row) { row.Add(tables.ConnCurrent, 0, -1) })
	entry.Release()
	entry.Release() // what Enter holds
}

// AddressTable returns the configuration of a table that has the rate of connections of each
// address.
func AddressTable(period time.Duration) tables.Config {
	return tables.Config{
		Type: tables.IPv6, Size: maxAddresses, Expire: max(2*period, minExpire),
		Store: []tables.Store{{Data: tables.ConnRate, Period: period}},
	}
}

// Network returns the address that stands for a client's network: an IPv4 address for itself, an
// IPv6 address for those with the same first bits.
func Network(a netip.Addr, bits int) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return a
	}
	return p.Addr()
}
