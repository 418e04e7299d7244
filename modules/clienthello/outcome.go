// SPDX-License-Identifier: Apache-2.0

package clienthello

// An Outcome says how the wait for a ClientHello ended. The outcomes are exclusive, and all but
// Pending are final.
type Outcome uint8

// The outcomes of an inspection.
const (
	Pending    Outcome = iota // more bytes are needed
	Found                     // a whole ClientHello
	Timeout                   // the delay was over first
	NotTLS                    // another protocol
	SSLv2                     // a hello in SSLv2 format (RFC 5246, appendix E.2), which cannot carry a server name
	Malformed                 // TLS, but its first message is not a correct ClientHello
	TooLarge                  // the hello says that it is longer than the limit
	ClientLeft                // the client closed before the hello was whole
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
