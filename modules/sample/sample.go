// SPDX-License-Identifier: Apache-2.0

// Package sample evaluates HAProxy's sample expressions and ACL criteria on the first bytes of a
// client: fetches such as req.ssl_sni, converters such as lower and map_end, and patterns such as
// "-m end .b.test".
//
// The result has three values, since a client may not have sent enough yet. The syntax is
// HAProxy's, with its quoting, and errors have HAProxy's text; an [*Unsupported] is returned for
// whatever HAProxy has and this package lacks. There are two deliberate differences: a ClientHello
// that spans several TLS records is one hello, and regular expressions are Go's, which run in
// linear time and have neither look-around nor back-references. Of plain-text HTTP, fetches see the
// head of the request, or with [Loader.HTTP] whole requests and responses. Bytes from servers are
// examined only by rules for responses, by health checks and over HTTP.
package sample

import (
	"fmt"
	"net/netip"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
)

// A Verdict is a three-valued answer, as HAProxy's ACLs give it. Verdicts are ordered, so the
// disjunction ("or") of several is their maximum.
type Verdict uint8

// The verdicts.
const (
	Fail Verdict = iota // no
	Miss                // unknown until more bytes arrive
	Pass                // yes
)

// An Input holds the data that an expression is evaluated on. Expressions only read it.
type Input struct {
	// Hello holds the bytes that the client has sent, inspected. With nil, the client has sent
	// nothing.
	Hello *clienthello.Inspection
	// Response holds the bytes that the server has sent, for rules for responses.
	Response []byte
	// Final reports that no further bytes will arrive or be waited for. Then no verdict is Miss.
	Final bool
	// Source and Destination are the addresses of the client's connection, from its PROXY header if
	// that has them; zero if unknown.
	Source, Destination netip.AddrPort
	// Header is the PROXY header that the connection began with, or nil. Peer and Local are then the
	// addresses of the connection itself.
	Header      *proxyprotocol.Header
	Peer, Local netip.AddrPort
	// Var looks up a variable by its full name, such as "sess.sni". With nil, no variable is set.
	Var func(name string) (Value, bool)
	// Check is the input of a health check's expressions.
	Check *CheckInput
	// HTTP is the input of expressions loaded with [Loader.HTTP].
	HTTP *HTTP
	// SetVar sets a variable, or with the zero Value unsets it. With nil, setting has no effect.
	SetVar func(name string, v Value)
	// State answers queries about the process and the connection. With nil, they have no answer.
	State State
	// Tables has the stick tables and the entries that the connection tracks. nil: no tables exist.
	Tables Tables
	// Trace records how criteria compare, for connections that are only imagined. With it, nothing
	// but variables changes: a counter that would be incremented has the value that it would have
	// then. nil: nothing is recorded.
	Trace *Trace
}

// Needs is the set of data that an expression requires. It has no value while one of them is
// missing.
type Needs uint8

// The data that may be required.
const (
	NeedsRequest  Needs = 1 << iota // bytes from the client, or the end of the wait for them
	NeedsBackend                    // the chosen backend
	NeedsServer                     // the connected server
	NeedsResponse                   // bytes from the server
)

// String names the first missing item, in HAProxy's words.
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

// An Unsupported is the error for features that HAProxy has and this package lacks.
type Unsupported struct { //nolint:errname // named for its meaning; callers test for it
	Name   string // the fetch, converter, method or flag, as written
	Reason string
}

func (u *Unsupported) Error() string {
	return fmt.Sprintf("%s is not supported: %s", u.Name, u.Reason)
}
