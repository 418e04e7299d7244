// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"fmt"
	"net/netip"
	"time"
)

// Handler decides about a session whose server is not known yet: see Session.Arrive.
// Its methods are called on the goroutine of a shard or of its timers, one at a time and
// without a lock of the session. Other sessions wait for them: they must be quick.
// What takes longer belongs in a goroutine, after Detach. A panic in Room or Next ends
// this session alone, with Failed and a *PanicError as error.
type Handler interface {
	// Ended is called once, and nothing else after it, unless Detach has succeeded or a Step
	// has named another Owner. Until Step says Relay, In counts what a server has taken, and
	// the result of Close is Closed by Proxy.
	Owner
	// Room returns where the next bytes of the client go. It is called when there are
	// some, so that nothing has to be kept for a client that is silent.
	Buffer() []byte
	// Next returns what is to be done after something has happened.
	Next(News) Step
}

// Event is what a Handler is told of.
type Event uint8

// The events. Unless said otherwise, each may be answered by every Step but Relay.
const (
	Arrived   Event = iota // the session has begun: this comes first
	Received               // N bytes of the client are in what Room has returned; 0: there are no more now
	Finished               // the client has closed its direction
	Broken                 // the client's connection was reset or failed, by Err
	Expired                // the time is over that Arrive was given, or Await; told once
	Connected              // the server has been reached and has been sent First: Relay, Close or Detach
	Refused                // the server was not reached, by Err, which is as that of Dial
	Left                   // the client left while connecting took long: by Err, or in order; told once
)

// News is an event, and what is known of it.
type News struct {
	Event Event
	N     int
	Err   error
}

// Action is what a Handler wants to be done.
type Action uint8

// The actions.
const (
	Await   Action = iota // wait for the next event
	Connect               // connect to To
	Relay                 // pass bytes between client and server from now on, with Options
	Close                 // close both connections, the client's as Manner says, after Last
)

// Manner is how the connection of a client is closed.
type Manner uint8

// The manners.
const (
	InOrder  Manner = iota // by FIN. What the client has sent is discarded first: unread, it would make that a RST
	Abruptly               // by RST
	Silently               // by nothing that the client sees: HAProxy's silent-drop
)

// Step is an action with what it needs.
type Step struct {
	Do Action

	// For Connect.
	To           netip.AddrPort
	First        []byte        // sent as soon as the server is there; not to be changed until the next event
	Timeout      time.Duration // 0: none but the system's
	KeepAlive    bool          // see DialOptions
	AbortOnClose bool          // a client that has closed its direction has left, too, and not only one that was reset

	// For Await: when it is Expired; zero: as before.
	Until time.Time

	// For Relay. Both are kept.
	Options *Options
	Owner   Owner // nil: the Handler stays it

	// For Close.
	Manner Manner
	Last   []byte // written before; with InOrder, the client is given a moment to read it
}

// PanicError is the error of a session that a panic of its Handler has ended.
type PanicError struct {
	Value any
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }
