// SPDX-License-Identifier: Apache-2.0

package clienthello

// An Outcome is the result of the wait for a ClientHello. All outcomes but Pending are final.
type Outcome uint8

// The outcomes of an inspection.
const (
	Pending    Outcome = iota // more bytes are needed
	Found                     // a complete ClientHello
	Timeout                   // the hello was not complete in time
	NotTLS                    // another protocol
	SSLv2                     // an SSLv2 hello (RFC 5246, appendix E.2), which has no server name
	Malformed                 // TLS, but its first message is not a valid ClientHello
	TooLarge                  // the announced length exceeds the limit
	ClientLeft                // the client closed before the hello was complete
)

var outcomeNames = [...]string{
	Pending:    "pending",
	Found:      "hello",
	Timeout:    "timeout",
	NotTLS:     "not_tls",
	SSLv2:      "sslv2",
	Malformed:  "malformed",
	TooLarge:   "too_large",
	ClientLeft: "client_left",
}

// String returns the name of the outcome in configurations, logs and metrics.
func (o Outcome) String() string {
	if int(o) >= len(outcomeNames) {
		return "unknown"
	}
	return outcomeNames[o]
}
