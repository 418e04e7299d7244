// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"fmt"
	"sync"
)

// An Inspection parses one ClientHello from one client, as its bytes arrive. [NewInspection]
// returns one from a pool, and Release puts it back. Its buffers grow in steps as bytes arrive,
// never by a length that the client only announced, and are not allocated before the first call of
// Space or Feed. It is not safe for concurrent use.
type Inspection struct {
	outcome  Outcome
	detail   error // wraps the outcome's sentinel, if it has one
	spokeTLS bool

	// step runs when received holds wake bytes. Nothing can be decided before.
	step     func(*Inspection)
	wake     int
	quiet    int // fewer bytes than this fit into the block and decide nothing
	received buffer

	// The record layer, by positions in received.
	position  int // the next byte to parse
	recordEnd int
	fragment  int // the start of the message's part in the current record
	before    int // the length of its parts in earlier records

	// The handshake message.
	limit  int    // of the length of its body
	goal   int    // the bytes of the message needed for the next decision
	joined buffer // the message up to the goal, if it spans several records

	hello    Hello
	ja3, ja4 string // of hello, computed when first used
}

var inspections = sync.Pool{New: func() any { return new(Inspection) }}

// NewInspection returns an Inspection that has received nothing and accepts hellos of at most
// maxHello bytes, counted like [DefaultMaxHello]. If maxHello is not positive, or greater than
// DefaultMaxHello, the limit is DefaultMaxHello.
func NewInspection(maxHello int) *Inspection {
	if maxHello <= 0 || maxHello > DefaultMaxHello {
		maxHello = DefaultMaxHello
	}
	i := inspections.Get().(*Inspection)
	i.limit = maxHello
	i.await((*Inspection).readFirstByte, 1)
	return i
}

// Release returns the Inspection and its buffers to their pools. It must be called at most once.
// After it, the Hello, Bytes and Space of the Inspection must not be used: other connections reuse
// their memory.
func (i *Inspection) Release() {
	i.received.release()
	i.joined.release()
	*i = Inspection{}
	inspections.Put(i)
}

// Space returns a buffer to read the next bytes into. It is never empty, and valid until the next
// call of Space, Commit, Feed or Release.
func (i *Inspection) Space() []byte {
	return i.received.space()
}

// Commit adds the first n bytes of the last Space to the bytes received, and returns the outcome so
// far. It panics if n is negative or exceeds the length of that Space. After the verdict, bytes are
// stored but not parsed.
func (i *Inspection) Commit(n int) Outcome {
	if uint(n) < uint(i.quiet) {
		i.received.filled += n
		i.quiet -= n
		return i.outcome
	}
	return i.take(n)
}

// take adds n bytes that may decide something; Commit adds the others itself.
func (i *Inspection) take(n int) Outcome {
	i.received.commit(n)
	outcome := i.advance()
	i.quiet = max(0, min(i.wake, len(i.received.array)+1)-i.received.filled)
	return outcome
}

// Feed adds a copy of p to the bytes received, and returns the outcome so far. After the verdict,
// bytes are stored but not parsed.
func (i *Inspection) Feed(p []byte) Outcome {
	i.received.append(p)
	i.quiet = 0
	return i.advance()
}

// Expire ends the wait for the hello: a Pending outcome becomes Timeout, any other stays.
func (i *Inspection) Expire() Outcome {
	if i.outcome == Pending {
		i.outcome = Timeout
	}
	return i.outcome
}

// Leave ends the wait because the client has closed its side: a Pending outcome becomes ClientLeft,
// any other stays.
func (i *Inspection) Leave() Outcome {
	if i.outcome == Pending {
		i.outcome = ClientLeft
	}
	return i.outcome
}

// Outcome returns the outcome so far.
func (i *Inspection) Outcome() Outcome {
	return i.outcome
}

// Err returns the reason for the outcome: an error that wraps [ErrNotTLS], [ErrSSLv2],
// [ErrMalformed] or [ErrTooLarge] and adds a detail. It is nil for Pending, Found, Timeout and
// ClientLeft.
func (i *Inspection) Err() error {
	if i.outcome == TooLarge {
		announced := i.goal - handshakeHeaderLen
		return fmt.Errorf("%w: ClientHello of %d bytes, expected at most %d", ErrTooLarge, announced, i.limit)
	}
	return i.detail
}

// Parsed returns the number of bytes that the parser has got past. A fault is in what follows, or
// in the message that ends there.
func (i *Inspection) Parsed() int { return i.position }

// Bytes returns all bytes received so far, unchanged, including those after the hello. It must not
// be modified, and is valid until the next call of Space, Feed or Release.
func (i *Inspection) Bytes() []byte {
	return i.received.bytes()
}

// SpokeTLS reports whether the first bytes begin a TLS handshake record with a plausible version,
// whatever the outcome. Such a client understands a TLS alert.
func (i *Inspection) SpokeTLS() bool {
	return i.spokeTLS
}

// Hello returns the ClientHello if the outcome is Found, else nil. It is valid until Release.
func (i *Inspection) Hello() *Hello {
	if i.outcome != Found {
		return nil
	}
	return &i.hello
}

// JA3 returns [Hello.JA3] of the hello, which it computes once, or "" if the outcome is not Found.
func (i *Inspection) JA3() string {
	if i.ja3 == "" && i.outcome == Found {
		i.ja3 = i.hello.JA3()
	}
	return i.ja3
}

// JA4 returns [Hello.JA4] of the hello, which it computes once, or "" if the outcome is not Found.
func (i *Inspection) JA4() string {
	if i.ja4 == "" && i.outcome == Found {
		i.ja4 = i.hello.JA4()
	}
	return i.ja4
}

func (i *Inspection) await(step func(*Inspection), wake int) {
	i.step, i.wake = step, wake
}

// advance runs every step that has enough bytes. A step must read only the bytes before its own
// wake. If one read more, the verdict would depend on how the bytes are split.
func (i *Inspection) advance() Outcome {
	for i.outcome == Pending && i.received.filled >= i.wake {
		i.step(i)
	}
	return i.outcome
}

func (i *Inspection) refuse(outcome Outcome, detail error) {
	i.outcome, i.detail = outcome, detail
}
