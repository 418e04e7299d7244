// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Limit says which connections a frontend refuses: at accept where the client's address is known
// then, else after the PROXY header.
type Limit struct {
	limits.AddressLimits

	// UnfinishedHellos bounds the bytes of incomplete ClientHellos that the frontend keeps while it
	// waits for the rest; 0: no limit.
	UnfinishedHellos int64

	// Allow lists the addresses without a limit.
	Allow []netip.Prefix

	// Late says that the client's address is not known at accept, even where no PROXY header is due:
	// rules may ask for one.
	Late bool
}

// perAddress reports whether there are limits for each address.
func (l *Limit) perAddress() bool { return l != nil && (l.Conns > 0 || l.Rate > 0) }

// allows reports whether an address has no limit.
func (l *Limit) allows(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(l.Allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// limitState holds the counts that limits need of a frontend, whatever its configuration.
type limitState struct {
	addresses limits.Addresses
	refusals  limits.Refusals
	hellos    atomic.Int64 // bytes of unfinished hellos
}

// frontendLimits holds the states by the frontends' names.
var frontendLimits = weakRegistry[limitState]{keep: keptFrontends}

// unfinished is the number of bytes of unfinished hellos of the process.
var unfinished atomic.Int64

// hellosShare is the part of the process's memory limit that unfinished hellos may have, and
// smallHello the bytes of one that are kept even so: nearly all hellos are smaller.
const (
	hellosShare = 8
	smallHello  = 4 << 10
)

// hellosLimit returns the bytes of unfinished hellos that the process may keep; 0: no limit.
func hellosLimit() int64 { return limits.MemoryLimit() / hellosShare }

func init() {
	limits.Overload.Watch(limits.Resource{Name: "unfinished_hellos", Sheds: true, Used: func() (used, limit int64) {
		return unfinished.Load(), hellosLimit()
	}})
	limits.Overload.React(func(s limits.Stage) { relay.Tighten(s != limits.Normal) })
}

// minInspectDelay is the least that overload leaves of an inspect delay which is longer.
const minInspectDelay = time.Second

// inspectDelay returns the inspect delay, shorter during overload.
func (f *Frontend) inspectDelay() time.Duration { return shortDelay(f.InspectDelay) }

func shortDelay(d time.Duration) time.Duration { return limits.Overload.Shortened(d, minInspectDelay) }

// UnfinishedHellos returns the number of bytes of incomplete hellos that the process keeps.
func UnfinishedHellos() int64 { return unfinished.Load() }

// activateLimit makes the counts of addresses those of f's limit, and the log of refusals that of
// f's configuration.
func (f *Frontend) activateLimit() {
	if f.Limit.perAddress() {
		f.limited.addresses.Configure(f.Limit.Period)
	}
	name, logger := f.Name, f.Logger
	f.limited.refusals.LogBy(func(why limits.Reason, n int64) {
		logger.Warn("connections refused by limit", zap.String("frontend", name), zap.Stringer("reason", why), zap.Int64("connections", n))
	})
}

// enterAddress counts a connection from an address and returns the configuration that it goes on
// with, or why it is refused.
func (e *EntryConfig) enterAddress(from netip.Addr) (*EntryConfig, limits.Reason) {
	if e.limit.allows(from) {
		return e, limits.Granted
	}
	why, held := e.limited.addresses.Enter(from, e.limit.AddressLimits)
	if held {
		e = e.counted
	}
	return e, why
}

// enterAtAccept applies the limits for each address to a connection that was just accepted. It
// returns nil if they refuse it, and then closes it.
func (e *Entry) enterAtAccept(conn net.Conn) *EntryConfig {
	if !e.limit.perAddress() || e.limit.Late || e.Headers.stateFor(conn.RemoteAddr()).awaits() {
		return e.EntryConfig
	}
	config, why := e.enterAddress(tcplog.AddrOf(conn.RemoteAddr()).IP())
	if why == limits.Granted {
		return config
	}
	relay.Abort(conn)
	_ = conn.Close()
	e.limited.refusals.Add(why)
	e.f.ends.accepted.Add(1)
	e.f.ends.by[tcplog.OverLimit].Add(1)
	return nil
}

// enterLate applies the limits for each address to a connection whose client's address was not
// known at accept.
func (c *connection) enterLate() *ending {
	if c.entry == nil || c.entry.counted == nil || !c.entry.limit.Late && (c.header == nil || c.header.mode != headerDone) {
		return nil
	}
	config, why := c.entry.enterAddress(c.record.Client.IP())
	if c.entry = config; why == limits.Granted {
		return nil
	}
	return c.overLimit(why)
}

// overLimit returns the ending of a connection that exceeds a limit.
func (c *connection) overLimit(why limits.Reason) *ending {
	c.f.limited.refusals.Add(why)
	return &ending{end: tcplog.OverLimit, by: relay.Proxy, verb: Reset}
}

// keepHello counts bytes of an unfinished hello instead of those counted before. It reports whether
// they are within the limit.
func (c *connection) keepHello(n int) bool {
	more := int64(n - c.input.kept)
	if more == 0 || c.isTrial() {
		return true
	}
	if more > 0 && (c.exceedsLimit(more) || n > smallHello && exceedsProcess(more)) {
		return false
	}
	c.f.limited.hellos.Add(more)
	unfinished.Add(more)
	c.input.kept = n
	return true
}

// exceedsLimit reports whether more bytes of unfinished hellos are beyond the frontend's limit.
func (c *connection) exceedsLimit(more int64) bool {
	l := c.f.Limit
	return l != nil && l.UnfinishedHellos > 0 && c.f.limited.hellos.Load()+more > l.UnfinishedHellos && !l.allows(c.record.Client.IP())
}

// exceedsProcess reports whether more bytes of unfinished hellos are beyond what the process keeps.
func exceedsProcess(more int64) bool {
	limit := hellosLimit()
	return limit > 0 && unfinished.Load()+more > limit && !limits.Overload.Off()
}
