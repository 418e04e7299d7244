// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"fmt"
	"net/netip"
	"time"
)

// Handler decides about a session whose server is not known yet: see Session.Arrive. Its methods
// run on the goroutine of a shard or of its timers, one at a time and without a lock of the
// session. They must return quickly: other sessions wait for them. Work that takes longer belongs
// in a goroutine, after Detach. A panic in Buffer or Next ends this session alone, with Failed and
// a *PanicError as error.
type Handler interface {
	// Ended is called once, and nothing after it, unless Detach has succeeded or a Step has named
	// another Owner. Until the step Relay, In counts the bytes that a server has accepted; Close ends
	// the session as Closed by Proxy.
	Owner
	// Buffer returns the buffer for the client's next bytes. It is called when there are some, so that
	// a silent client needs none.
	Buffer() []byte
	// Next returns what to do after an event.
	Next(News) Step
}

// Event is something that a Handler reacts to.
type Event uint8

// The events. Unless noted, every Step but Relay may answer them.
const (
	// The session has begun. This event comes first.
	Arrived Event = iota
	// N bytes of the client are in the slice that Buffer returned. N is 0 if nothing has come yet.
	Received
	// The client has closed its direction.
	Finished
	// The client's connection was reset or failed, with Err.
	Broken
	// The deadline set by Await has passed. The event comes once for each deadline.
	Expired
	// The server is connected and has been sent First. Relay, Close or Detach may follow.
	Connected
	// Connecting failed with Err, which is like that of Dial.
	Refused
	// The client left while connecting took long: Err, or nil if it closed in order. The event comes
	// once.
	Left
)

// News is an event with its details.
type News struct {
	Event Event
	N     int
	Err   error
}

// Action is the next thing to do for a Handler.
type Action uint8

// The actions.
const (
	Await   Action = iota // wait for the next event
	Connect               // connect to To
	Relay                 // pass bytes between client and server from now on, with Options
	Close                 // write Last and close both connections, the client's as Manner says
)

// Manner is the way to close the client's connection.
type Manner uint8

// The manners.
const (
	// By FIN. What the client has sent is discarded first: unread bytes would turn the FIN into a RST.
	InOrder  Manner = iota
	Abruptly        // by RST
	Silently        // without a packet that the client sees: HAProxy's silent-drop
)

// Step is an action with its parameters.
type Step struct {
	Do Action

	// For Connect.
	To netip.AddrPort
	// For Connect: First is sent as soon as the server is connected. It must not change until the next
	// event.
	First []byte
	// For Connect: Header is the number of bytes at the beginning of First that are a header of the
	// proxy's own. The counts leave them out.
	Header     int
	Timeout    time.Duration // 0: only the system's
	KeepAlive  bool          // see DialOptions, as for the next two
	Socket     *SocketOptions
	ClientAddr netip.AddrPort
	// Ready, if not nil, is a connection to To that is used if it is still open. The session takes it
	// over. If it has been closed, the session connects as without.
	Ready *Socket
	// AbortOnClose makes Left follow a client's FIN, and not only its reset.
	AbortOnClose bool

	// For Await: Until is when to send Expired; zero: as before, or never.
	Until time.Time

	// For Relay: the session keeps both.
	Options *Options
	Owner   Owner // nil: the Handler remains the owner

	// For Close.
	Manner Manner
	Last   []byte // written before; with InOrder, the client gets a moment to read it
}

// PanicError is the error of a session that ended by a panic of its Handler.
type PanicError struct {
	Value any
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }
