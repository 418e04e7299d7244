// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// Reason is why a connection has no server.
type Reason uint8

// The reasons.
const (
	NoMatch Reason = iota
	NoServer
	Timeout
	NotTLS
	SSLv2
	Malformed
	TooLarge
	reasonCount // how many there are
)

// Reasons are the words for them.
var Reasons = map[string]Reason{
	"no_match":  NoMatch,
	"no_server": NoServer,
	"timeout":   Timeout,
	"not_tls":   NotTLS,
	"sslv2":     SSLv2,
	"malformed": Malformed,
	"too_large": TooLarge,
}

// reasonOf are the outcomes of an inspection for which there is a reason.
var reasonOf = map[clienthello.Outcome]Reason{
	clienthello.Timeout:   Timeout,
	clienthello.NotTLS:    NotTLS,
	clienthello.SSLv2:     SSLv2,
	clienthello.Malformed: Malformed,
	clienthello.TooLarge:  TooLarge,
}

// Verb is what is done with a connection that has no server.
type Verb uint8

// The verbs.
const (
	Reject Verb = iota // a TLS alert where the client spoke TLS, then close
	Close
	Reset      // with RST
	Drop       // the client is told nothing
	UseBackend // in place of a refusal
)

// Verbs are the words for them; there is none for UseBackend.
var Verbs = map[string]Verb{
	"reject": Reject,
	"close":  Close,
	"reset":  Reset,
	"drop":   Drop,
}

// String returns the word for a verb.
func (v Verb) String() string { return wordFor(Verbs, v) }

// String returns the word for a reason.
func (r Reason) String() string { return wordFor(Reasons, r) }

func wordFor[V comparable](words map[string]V, v V) string {
	for word, stands := range words {
		if stands == v {
			return word
		}
	}
	return ""
}

// Action is a verb and, for UseBackend, its object.
type Action struct {
	Verb    Verb
	Backend *balancer.Backend
}

// Actions are what is done for each Reason. The zero value rejects.
type Actions [reasonCount]Action
