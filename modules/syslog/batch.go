// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"slices"
	"strconv"
)

// batch holds framed messages, one after the other.
type batch struct {
	bytes []byte
	ends  []int // of the messages
}

// Framing separates messages on a stream (RFC 6587).
type Framing uint8

// The framings, by HAProxy's names.
const (
	Legacy     Framing = iota // a newline ends a message
	OctetCount                // its length precedes it
)

// framings holds the names, by number.
var framings = []string{"legacy", "octet-count"}

// String returns the name.
func (f Framing) String() string { return framings[f] }

// ParseFraming returns the framing of a name.
func ParseFraming(name string) (Framing, error) {
	n, err := indexOf(framings, "framing", name)
	return Framing(n), err
}

// add adds a message.
func (b *batch) add(f Framing, message []byte) {
	if f == OctetCount {
		b.bytes = append(strconv.AppendInt(b.bytes, int64(len(message)), 10), ' ')
		b.bytes = append(b.bytes, message...)
	} else {
		b.bytes = append(append(b.bytes, message...), '\n')
	}
	b.ends = append(b.ends, len(b.bytes))
}

// begin returns where a message begins.
func (b *batch) begin(i int) int {
	if i == 0 {
		return 0
	}
	return b.ends[i-1]
}

// message returns a message with its framing.
func (b *batch) message(i int) []byte { return b.bytes[b.begin(i):b.ends[i]] }

// upTo returns the i-th message and whole ones behind it, as many as n bytes hold.
func (b *batch) upTo(i, n int) []byte {
	begin := b.begin(i)
	last := i + max(1, b.after(i, n)) - 1
	return b.bytes[begin:b.ends[last]]
}

// after returns the number of messages, from the i-th on, that n bytes hold whole.
func (b *batch) after(i, n int) int {
	whole, _ := slices.BinarySearch(b.ends[i:], b.begin(i)+n+1)
	return whole
}

func (b *batch) reset() { b.bytes, b.ends = b.bytes[:0], b.ends[:0] }
