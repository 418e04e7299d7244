// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// DefaultBuffer is the number of bytes that wait for a target by default, at most.
const DefaultBuffer = 1 << 20

// stuckTimeout bounds the wait for a sender after its context has ended.
const stuckTimeout = time.Second

// reportEvery is the time between two reports of dropped messages.
const reportEvery = time.Second

// Options say what a target gets.
type Options struct {
	// Name is the target's in AllStats; empty: it is not there.
	Name string

	Header   Header
	Framing  Framing   // of streams
	Length   int       // of a message with its newline, at most; 0: no limit
	Level    Severity  // less important messages are left out; Debug: none
	MinLevel Severity  // more important ones get this severity
	Sampling *Sampling // nil: all
	Buffer   int       // bytes that wait, at most; 0: DefaultBuffer

	// Encode appends a message of another protocol, without the newline that ends a datagram. If it is
	// nil, messages have the form of Header and Length.
	Encode func(b []byte, s Severity, text []byte) []byte

	// Failed is called, at most once a minute, with why the target cannot be reached.
	Failed func(error)

	// Report is called, at most once a second, with the number of messages that were dropped since.
	Report func(dropped uint64)
}

// Target sends messages in a goroutine of its own. It is safe for concurrent use.
type Target struct {
	o    Options
	dial Dialer

	mu         sync.Mutex
	filling    *batch
	spare      *batch
	message    []byte // room for one
	stats      Stats
	unreported uint64
	reporting  bool // a timer is set
	closed     bool
	wake       chan struct{}

	stop context.CancelFunc // ends the sender
	done chan struct{}      // closed when it has ended
}

// Open returns a target that dial connects to.
func Open(dial Dialer, o Options) *Target {
	if o.Buffer == 0 {
		o.Buffer = DefaultBuffer
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &Target{o: o, dial: dial, filling: new(batch), spare: new(batch), wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	t.register()
	go t.send(ctx)
	return t
}

// Write sends a line of a log, whose severity [Split] tells. It never fails or waits: a line that
// finds no room is dropped and counted.
func (t *Target) Write(line []byte) (int, error) {
	if len(line) == 0 { // an encoder has nothing to say
		return 0, nil
	}
	severity, text := Split(line)
	if severity > t.o.Level || !t.o.Sampling.Next() {
		return len(line), nil
	}
	severity = max(severity, t.o.MinLevel)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(severity, bytes.TrimRight(text, "\n"))
	return len(line), nil
}

// add adds a message. The caller holds the lock.
func (t *Target) add(s Severity, text []byte) {
	if t.closed || len(t.filling.bytes)+len(text) > t.o.Buffer {
		t.dropped(1)
		return
	}
	t.encode(s, text)
	t.filling.add(t.framing(), t.message)
	t.notify()
}

// encode sets message. The caller holds the lock.
func (t *Target) encode(s Severity, text []byte) {
	if t.o.Encode != nil {
		t.message = t.o.Encode(t.message[:0], s, text)
		return
	}
	message, cut := t.o.Header.Append(t.message[:0], s, time.Now(), text, max(t.o.Length-1, 0))
	if t.message = message; cut {
		t.stats.Cut++
	}
}

// notify wakes the sender.
func (t *Target) notify() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// framing returns how messages are separated. A datagram ends with a newline, as HAProxy's do.
func (t *Target) framing() Framing {
	if !t.dial.Stream {
		return Legacy
	}
	return t.o.Framing
}

// dropped counts dropped messages and makes sure that they are reported. The caller holds the lock.
func (t *Target) dropped(n uint64) {
	t.stats.Dropped += n
	if t.unreported += n; n > 0 && !t.reporting && t.o.Report != nil {
		t.reporting = true
		time.AfterFunc(reportEvery, t.report)
	}
}

func (t *Target) report() {
	t.mu.Lock()
	n := t.unreported
	t.unreported, t.reporting = 0, false
	t.mu.Unlock()
	if n > 0 {
		t.o.Report(n)
	}
}

// Stats returns the numbers of messages.
func (t *Target) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// Close waits until all messages are sent, but not longer than d, and closes the target. Those that
// are left count as dropped, and are reported before it returns.
func (t *Target) Close(d time.Duration) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	t.closed = true
	t.mu.Unlock()
	t.notify()
	select {
	case <-t.done:
	case <-time.After(d):
		t.stop()
		select {
		case <-t.done:
		case <-time.After(stuckTimeout): // a write to a pipe cannot be interrupted
		}
	}
	t.stop()
	t.unregister()
	if t.o.Report != nil {
		t.report()
	}
}

// take returns the messages that wait, or nil. over says that no message will follow.
func (t *Target) take() (b *batch, over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.filling.ends) == 0 {
		return nil, t.closed
	}
	b = t.filling
	t.filling, t.spare = t.spare, nil
	return b, false
}

// sent gives back a batch, of which some messages were sent and the rest is dropped.
func (t *Target) sent(b *batch, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Sent += uint64(n)
	t.dropped(uint64(len(b.ends) - n))
	b.reset()
	t.spare = b
}
