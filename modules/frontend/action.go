// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// Reason says why a connection gets no server by the rules.
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
	reasonCount // their number
)

// Reasons maps the outcomes of a configuration's option on to reasons.
var Reasons = map[string]Reason{
	"no_match":  NoMatch,
	"no_server": NoServer,
	"timeout":   Timeout,
	"not_tls":   NotTLS,
	"sslv2":     SSLv2,
	"malformed": Malformed,
	"too_large": TooLarge,
}

// reasonOf maps the outcomes of an inspection to reasons, where they have one.
var reasonOf = map[clienthello.Outcome]Reason{
	clienthello.Timeout:   Timeout,
	clienthello.NotTLS:    NotTLS,
	clienthello.SSLv2:     SSLv2,
	clienthello.Malformed: Malformed,
	clienthello.TooLarge:  TooLarge,
}

// Verb says what happens to a connection that gets no server.
type Verb uint8

// The verbs.
const (
	Reject Verb = iota // a TLS alert where the client spoke TLS, then close
	Close
	Reset      // with RST
	Drop       // without a FIN or RST to the client
	Next       // it leaves the frontend, with the bytes that have been read; see EntryConfig.Next
	UseBackend // another backend serves it
)

// Verbs maps the words of a configuration to verbs. UseBackend has no word of its own.
var Verbs = map[string]Verb{
	"reject": Reject,
	"close":  Close,
	"reset":  Reset,
	"drop":   Drop,
	"next":   Next,
}

// String returns the verb's word.
func (v Verb) String() string { return wordFor(Verbs, v) }

// reasonNames are the words of the reasons.
var reasonNames = func() (names [reasonCount]string) {
	for word, why := range Reasons {
		names[why] = word
	}
	return names
}()

// String returns the reason's word.
func (r Reason) String() string { return reasonNames[r] }

func wordFor[V comparable](words map[string]V, v V) string {
	for word, stands := range words {
		if stands == v {
			return word
		}
	}
	return ""
}

// Action is a verb with, for UseBackend, its backend.
type Action struct {
	Verb    Verb
	Backend *balancer.Backend
}

// String returns the action as a configuration has it.
func (a Action) String() string {
	if a.Verb == UseBackend {
		return "backend " + a.Backend.Name()
	}
	return a.Verb.String()
}

// Actions holds an action for each Reason. The zero value rejects.
type Actions [reasonCount]Action
