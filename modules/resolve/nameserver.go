// SPDX-License-Identifier: Apache-2.0

package resolve

import "errors"

// ErrRefused is in the chain of a Source's error if the DNS server refused to answer.
var ErrRefused = errors.New("the server refuses to answer")

// Counted is implemented by a Source that counts what each of its DNS servers does.
type Counted interface {
	Nameservers() []NameserverStats
}

// NameserverStats are numbers of a DNS server.
type NameserverStats struct {
	Name, Address string
	// Sent is the number of questions, SendErrors of those that could not be sent, Truncated of those
	// asked again over TCP.
	Sent, SendErrors, Truncated uint64
	// Invalid is the number of packets that did not answer the question.
	Invalid uint64
	// Valid, NotFound, Refused, Other and Timeouts are the outcomes of the questions.
	Valid, NotFound, Refused, Other, Timeouts uint64
}

// Nameservers returns the numbers of the resolver's DNS servers; nil: its source does not know
// them.
func (r *Resolver) Nameservers() []NameserverStats {
	if c, ok := r.Source.(Counted); ok {
		return c.Nameservers()
	}
	return nil
}
