// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
)

// HeaderPolicy says which sources send a PROXY header before their client's data. The first entry
// that has the peer's address applies. A source without an entry must not send one. A nil policy
// knows no headers: bytes of one are the client's data.
type HeaderPolicy []HeaderSource

// HeaderSource is a set of peers that send a header.
type HeaderSource struct {
	Networks []netip.Prefix
	Unix     bool // peers that connect to a Unix socket
	Optional bool // they may send data without a header
	// NetScalerMagic, if not 0, is the number that NetScaler's header begins with, which then takes
	// the place of the PROXY header.
	NetScalerMagic uint32
}

// headerState is the state of a connection that may begin with a PROXY header.
type headerState struct {
	mode   headerMode
	reader proxyprotocol.Reader
	header *proxyprotocol.Header // nil: none was read
}

// headerMode says whether a PROXY header is expected.
type headerMode uint8

const (
	headerNotAllowed headerMode = iota // a header is refused
	headerOptional                     // waits for the first bytes, which may be those of a header
	headerRequired                     // waits for a header
	headerDone                         // it was read, or none came
)

// awaits reports whether the connection waits for a header.
func (h *headerState) awaits() bool {
	return h != nil && (h.mode == headerOptional || h.mode == headerRequired)
}

// stateFor returns the state of a connection from a peer, or nil without a policy.
func (p HeaderPolicy) stateFor(peer net.Addr) *headerState {
	if p == nil {
		return nil
	}
	s := new(headerState)
	i := slices.IndexFunc(p, func(from HeaderSource) bool { return from.has(peer) })
	switch {
	case i < 0:
	case p[i].Optional:
		s.mode = headerOptional
	default:
		s.mode = headerRequired
	}
	if i >= 0 {
		s.reader.NetScalerMagic = p[i].NetScalerMagic
	}
	return s
}

// has reports whether a peer is one of the source's.
func (from *HeaderSource) has(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return from.Unix
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(from.Networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// EntryConfig holds the properties of an address that a frontend listens on.
type EntryConfig struct {
	// Headers replaces the frontend's policy, unless it is nil.
	Headers HeaderPolicy

	// MapIPv4 writes IPv4 clients into PROXY headers as IPv6, as the kernel reports those of an IPv6
	// socket for both versions.
	MapIPv4 bool

	// Namespace is the network namespace of the address, for PROXY headers.
	Namespace string

	// Address names the address among those of the frontend, for its count of connections. It is only
	// used with MaxConn.
	Address string

	// Listener counts the connections of the address; nil: nothing does. See OpenListener.
	Listener *Listener

	// MaxConn is the number of connections of the address at which Pause leaves further ones in the
	// kernel's queue; 0: no limit of its own.
	MaxConn int

	// Next takes the connections that the frontend passes on (see the verb Next), and owns them if it
	// returns true. Their Read first returns what the frontend has read; their addresses are those of
	// the PROXY header, if there was one. It is called on a shard's goroutine and must not block. nil:
	// nothing takes them, and they are closed.
	Next func(net.Conn) bool

	holds   *holds // nil: its connections take nothing beside their place in the frontend's count
	limit   *Limit // nil: none
	limited *limitState
	counted *EntryConfig // the same, for connections whose addresses are counted; or nil
}

// Entry is a way into a frontend, such as one of the addresses that it listens on. It is safe for
// concurrent use.
type Entry struct {
	f *Frontend
	// EntryConfig is apart: connections that wait keep it, and must not keep the frontend.
	*EntryConfig
}

// Entry returns a way into the frontend.
func (f *Frontend) Entry(c EntryConfig) *Entry {
	if c.Headers == nil {
		c.Headers = f.AcceptProxy
	}
	var bind *connCount
	if c.MaxConn > 0 {
		bind = bindConns.getOrCreate(f.Name + " " + c.Address)
	}
	if bind != nil || c.Listener != nil {
		c.holds = &holds{bind: bind, listener: c.Listener}
	}
	if c.limit, c.limited = f.Limit, f.limited; f.Limit.perAddress() {
		counted := c
		counted.holds = &holds{bind, &f.limited.addresses, c.Listener}
		c.counted = &counted
	}
	return &Entry{f: f, EntryConfig: &c}
}

// Serve serves a client's connection. When it returns, the connection has ended, was passed on, or
// goes on as a session that needs no goroutine.
func (e *Entry) Serve(conn net.Conn, accepted time.Time) {
	if c := e.enterAtAccept(conn); c != nil {
		e.serve(c, conn, accepted)
	}
}

// Go serves a client's connection in a goroutine, as Serve does. It takes the connection's place in
// the counts, or in the line of those that wait for one, before it returns: connections get places
// in the order of calls.
func (e *Entry) Go(conn net.Conn) {
	if c := e.enterAtAccept(conn); c != nil {
		e.start(c, conn, time.Now())
	}
}

// start serves a connection in a goroutine, with the configuration that enterAtAccept returned.
func (e *Entry) start(c *EntryConfig, conn net.Conn, accepted time.Time) {
	turn := e.enterOrJoin()
	if turn == nil {
		go e.serveEntered(c, conn, accepted)
		return
	}
	go func() {
		e.awaitTurn(turn)
		e.serveEntered(c, conn, time.Now())
	}()
}

// serve waits for a place for the connection, and serves it.
func (e *Entry) serve(c *EntryConfig, conn net.Conn, accepted time.Time) {
	if e.awaitPlace() {
		accepted = time.Now()
	}
	e.serveEntered(c, conn, accepted)
}

// serveEntered serves a connection that has its place in the counts.
func (e *Entry) serveEntered(c *EntryConfig, conn net.Conn, accepted time.Time) {
	e.f.serve(client{Conn: conn, accepted: accepted, logger: e.f.ConnLogger, entry: c, passTo: c.Next, header: c.Headers.stateFor(conn.RemoteAddr())})
}

// headerDeadline returns when a header must be complete.
func (f *Frontend) headerDeadline(accepted time.Time) time.Time {
	timeout := f.HeaderTimeout
	switch {
	case timeout > 0:
	case f.Content == nil:
		timeout = f.InspectDelay
	case f.TimeoutClient > 0:
		timeout = f.TimeoutClient
	default:
		timeout = defaultHeaderTimeout
	}
	if f.Content == nil {
		timeout = min(timeout, f.InspectDelay)
	}
	return accepted.Add(shortDelay(timeout))
}

// defaultHeaderTimeout is the time for a header where no other timeout bounds it.
const defaultHeaderTimeout = 5 * time.Second
