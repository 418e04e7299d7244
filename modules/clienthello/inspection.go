// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"fmt"
	"sync"
)

// An Inspection reads one ClientHello from one client, as its bytes arrive. [NewInspection] makes
// it and Release gives it back. Its buffers grow in steps as bytes arrive, never by a length that
// the client only announced, and there are none before the first call of Space or Feed. It is not
// safe for concurrent use.
type Inspection struct {
	outcome  Outcome
	detail   error // wraps the outcome's sentinel, where it has one
	spokeTLS bool

	// Nothing new can be decided before received holds wake bytes; then step decides it.
	step     func(*Inspection)
	wake     int
	quiet    int // adding fewer bytes than that is sure to find room and to decide nothing
	received buffer

	// The record layer, by positions in received.
	position  int // the first byte that was not read yet
	recordEnd int
	fragment  int // where the part of the message in the present record begins
	before    int // how long its parts in earlier records are

	// The handshake message.
	limit  int    // the longest that its body may be
	goal   int    // how much of the message is needed for the next decision
	joined buffer // as much as the goal needs, where it spans several records

	hello    Hello
	ja3, ja4 string // of hello, once they were asked for
}

var inspections = sync.Pool{New: func() any { return new(Inspection) }}

// NewInspection returns an Inspection that has received nothing and accepts hellos of at most
// maxHello bytes, counted as [DefaultMaxHello] counts them. A maxHello that is not positive, or
// above DefaultMaxHello, means DefaultMaxHello.
func NewInspection(maxHello int) *Inspection {
	if maxHello <= 0 || maxHello > DefaultMaxHello {
		maxHello = DefaultMaxHello
	}
	i := inspections.Get().(*Inspection)
	i.limit = maxHello
	i.await((*Inspection).readFirstByte, 1)
	return i
}

// Release gives the Inspection and its buffers back. It must be called once at most, and nothing
// that was obtained from the Inspection may be used afterwards.
func (i *Inspection) Release() {
	i.received.release()
	i.joined.release()
	*i = Inspection{}
	inspections.Put(i)
}

// Space returns room to read the next bytes into. It is never empty, and valid until the next call
// of Space, Commit, Feed or Release.
func (i *Inspection) Space() []byte {
	return i.received.space()
}

// Commit takes the first n bytes of the last Space as received, and returns the outcome so far. It
// panics if n is negative or more than that Space had. After the verdict, bytes are only kept.
func (i *Inspection) Commit(n int) Outcome {
	if uint(n) < uint(i.quiet) {
		i.received.filled += n
		i.quiet -= n
		return i.outcome
	}
	return i.take(n)
}

// take is Commit where there may be something to decide.
func (i *Inspection) take(n int) Outcome {
	i.received.commit(n)
	outcome := i.advance()
	i.quiet = max(0, min(i.wake, len(i.received.array)+1)-i.received.filled)
	return outcome
}

// Feed takes a copy of p as received, and returns the outcome so far. After the verdict, bytes are
// only kept.
func (i *Inspection) Feed(p []byte) Outcome {
	i.received.append(p)
	i.quiet = 0
	return i.advance()
}

// Expire says that the time for the hello is over: Pending becomes Timeout, and any other outcome
// stays.
func (i *Inspection) Expire() Outcome {
	if i.outcome == Pending {
		i.outcome = Timeout
	}
	return i.outcome
}

// Leave says that the client has closed its side: Pending becomes ClientLeft, and any other outcome
// stays.
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

// Err returns what was wrong with the bytes: an error that wraps [ErrNotTLS], [ErrSSLv2],
// [ErrMalformed] or [ErrTooLarge] and adds the detail. It is nil for Pending, Found, Timeout and
// ClientLeft.
func (i *Inspection) Err() error {
	if i.outcome == TooLarge {
		announced := i.goal - handshakeHeaderLen
		return fmt.Errorf("%w: ClientHello of %d bytes, expected at most %d", ErrTooLarge, announced, i.limit)
	}
	return i.detail
}

// Bytes returns everything that was received so far exactly as it was received, with the bytes
// after the hello. It must not be modified, and is valid until the next call of Space, Feed or
// Release.
func (i *Inspection) Bytes() []byte {
	return i.received.bytes()
}

// SpokeTLS tells whether the client began a TLS handshake record, with a plausible version,
// whatever came of it. Such a client understands a TLS alert.
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

// JA3 is [Hello.JA3] of the hello, computed once; empty if the outcome is not Found.
func (i *Inspection) JA3() string {
	if i.ja3 == "" && i.outcome == Found {
		i.ja3 = i.hello.JA3()
	}
	return i.ja3
}

// JA4 is [Hello.JA4] of the hello, computed once; empty if the outcome is not Found.
func (i *Inspection) JA4() string {
	if i.ja4 == "" && i.outcome == Found {
		i.ja4 = i.hello.JA4()
	}
	return i.ja4
}

func (i *Inspection) await(step func(*Inspection), wake int) {
	i.step, i.wake = step, wake
}

// advance takes every step for which the bytes suffice. Each step decides by the bytes before its
// own wake only: that is why the cutting cannot change the verdict.
func (i *Inspection) advance() Outcome {
	for i.outcome == Pending && i.received.filled >= i.wake {
		i.step(i)
	}
	return i.outcome
}

func (i *Inspection) refuse(outcome Outcome, detail error) {
	i.outcome, i.detail = outcome, detail
}
