// SPDX-License-Identifier: Apache-2.0

// Package sample computes HAProxy's sample expressions and ACL criteria over the first bytes of a client: fetches such
// as req.ssl_sni, converters such as lower and map_end, and patterns such as "-m end .b.test".
//
// It answers in three values, for a client may not have sent enough yet. Text is read with HAProxy's quoting and refused
// with HAProxy's words; what HAProxy knows and this package does not is an [*Unsupported]. There are two deliberate
// differences: a ClientHello over several TLS records is one hello, and regular expressions are those of Go, which take
// linear time and have no look-around and no back-references. Of HTTP they look at the head of a request that is sent
// in the clear, or at all of it where a [Loader] is asked to; what a server sends is looked at in health checks and over
// HTTP alone, and tables are not.
package sample

import (
	"fmt"
	"net/netip"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// A Verdict is an answer in three values, as HAProxy's ACLs give it. They are in order: the best of several, which is
// what "or" means, is their maximum.
type Verdict uint8

// The verdicts.
const (
	Fail Verdict = iota // no
	Miss                // not known until more bytes come
	Pass                // yes
)

// An Input is what an expression can look at. Expressions only read it.
type Input struct {
	// Hello has what the client has sent and what it is. With nil nothing was sent, and there is nothing to look at.
	Hello *clienthello.Inspection
	// Response is what the server has sent, for rules about that.
	Response []byte
	// Final says that nothing more will come or be waited for: then nothing is a Miss.
	Final bool
	// Source and Destination are the connection's addresses; zero if they are not known.
	Source, Destination netip.AddrPort
	// Var returns a variable by its whole name, such as "sess.sni", and whether it is set. With nil none is.
	Var func(name string) (Value, bool)
	// Check is what expressions of a health check look at.
	Check *CheckInput
	// HTTP is what the expressions of a [Loader.HTTP] look at.
	HTTP *HTTP
	// SetVar sets a variable, or with the zero Value forgets it. With nil none can be set.
	SetVar func(name string, v Value)
	// State answers for the process and for the way of the connection. With nil nothing is known of them.
	State State
}

// Needs is a set of what an expression cannot do without. It has no value where one of these is not there.
type Needs uint8

// What may be needed.
const (
	NeedsRequest  Needs = 1 << iota // what the client has sent, or the end of waiting for it
	NeedsBackend                    // the backend that has been chosen
	NeedsServer                     // the server that has been connected to
	NeedsResponse                   // what the server has sent
)

// String names what is needed, as HAProxy does.
func (n Needs) String() string {
	switch {
	case n&NeedsRequest != 0:
		return "request buffer"
	case n&NeedsBackend != 0:
		return "backend"
	case n&NeedsServer != 0:
		return "server"
	}
	return "response buffer"
}

// An Unsupported is the error for what HAProxy knows and this package does not.
type Unsupported struct { //nolint:errname // what it is, not that it is one, is what callers ask
	Name   string // the name, as it was written: a fetch, a converter, a method, a flag
	Reason string
}

func (u *Unsupported) Error() string {
	return fmt.Sprintf("%s is not supported: %s", u.Name, u.Reason)
}
