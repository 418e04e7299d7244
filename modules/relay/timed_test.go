// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// player is the far end of a connection, in the test's own time.
type player interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// flood is more than fits between two ends.
var flood = make([]byte, 4<<20)

// timedRelays are the ways to run a session in the test's own time, with the precision of their
// timeouts. Each starts a session and returns its far ends.
var timedRelays = map[string]struct {
	start     func(t *testing.T, o *Options, w Owner) (client, server player)
	precision time.Duration
}{
	"copied": {startInMemory, 0},
}

func startInMemory(_ *testing.T, o *Options, w Owner) (client, server player) {
	near, farClient := duplexPair()
	far, farServer := duplexPair()
	go func() { w.Ended(newCopied(near, far, o, w).run()) }()
	return farClient, farServer
}

// timed runs a session in each way in the test's own time, and checks how and when it ends. The
// players have two hours to leave.
func timed(t *testing.T, name string, o Options, play func(client, server player), by Side, cause Cause, after time.Duration) {
	t.Helper()
	for kind, relay := range timedRelays {
		t.Run(name+"/"+kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, began := newOwner(), time.Now()
				client, server := relay.start(t, &o, w)
				go play(client, server)
				var r Result
				select {
				case r = <-w.result:
				case <-time.After(after + 10*time.Minute):
					t.Error("it does not end")
				}
				if r.By != by || r.Cause != cause {
					t.Errorf("ended %s by %s (%v), want %s by %s", r.Cause, r.By, r.Err, cause, by)
				}
				if took := time.Since(began); took < after || took > after+relay.precision {
					t.Errorf("took %v, want %v", took, after)
				}
				client.Close()
				server.Close()
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// stallingConn is a connection of a process that is stopped for a while, once: a call that would
// have waited then finds its deadline passed, and checks nothing else, as in package net.
type stallingConn struct {
	duplex
	from, until time.Time
	reads       bool // else only a call that writes finds that

	mu          sync.Mutex
	read, write time.Time // deadlines
}

func (d *stallingConn) SetReadDeadline(at time.Time) error {
	d.mu.Lock()
	d.read = at
	d.mu.Unlock()
	return d.duplex.SetReadDeadline(at)
}

func (d *stallingConn) SetWriteDeadline(at time.Time) error {
	d.mu.Lock()
	d.write = at
	d.mu.Unlock()
	return d.duplex.SetWriteDeadline(at)
}

// stall sleeps during the stall, and reports whether a deadline has then passed.
func (d *stallingConn) stall(deadline *time.Time) bool {
	if now := time.Now(); now.Before(d.from) || !now.Before(d.until) {
		return false
	}
	time.Sleep(time.Until(d.until))
	d.mu.Lock()
	defer d.mu.Unlock()
	return !deadline.IsZero() && deadline.Before(time.Now())
}

func (d *stallingConn) Read(b []byte) (int, error) {
	if d.reads && d.stall(&d.read) {
		return 0, os.ErrDeadlineExceeded
	}
	return d.duplex.Read(b)
}

func (d *stallingConn) Write(b []byte) (int, error) {
	n, err := d.duplex.Write(b)
	if err != nil {
		d.stall(&d.write)
	}
	return n, err
}

// A process that was stopped gives its peers a moment before it takes them for silent.
func TestStoppedCopying(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name  string
		reads bool
		play  func(client, server player)
		after time.Duration
	}{
		{"the client has said something", true, func(client, server player) {
			go io.Copy(io.Discard, server)
			time.Sleep(s)
			client.Write([]byte("x"))
		}, 10 * s},
		{"the server has said something", true, func(client, server player) {
			go io.Copy(io.Discard, client)
			time.Sleep(s)
			server.Write([]byte("x"))
		}, 10 * s},
		{"nothing was said", true, func(_, server player) {
			io.Copy(io.Discard, server)
		}, 6*s + 50*time.Millisecond},
		{"the client takes something", false, func(client, server player) {
			go func() {
				time.Sleep(5 * s)
				io.Copy(io.Discard, client)
			}()
			server.Write([]byte("x"))
		}, 10 * s},
		{"the client takes nothing", false, func(_, server player) {
			server.Write([]byte("x"))
		}, 6*s + 50*time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, client := duplexPair()
				far, server := duplexPair()
				began := time.Now()
				until := began.Add(6 * s)
				w, o := newOwner(), &Options{ClientTimeout: 4 * s, ServerTimeout: 4 * s}
				go func() {
					nearer := &stallingConn{duplex: near, from: began, until: until, reads: c.reads}
					w.Ended(newCopied(nearer, &stallingConn{duplex: far, from: began, until: until, reads: c.reads}, o, w).run())
				}()
				go c.play(client, server)
				r := <-w.result
				if took := time.Since(began); r.By != Client || r.Cause != Timeout || took != c.after {
					t.Errorf("%+v after %v, want %v", r, took, c.after)
				}
				client.Close()
				server.Close()
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// Without a timeout, a side has a minute to accept bytes that the other one sent before its
// connection broke.
func TestCopyingLingersForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOwner()
		client, server := startInMemory(t, new(Options), w)
		go server.Write(flood)
		time.Sleep(time.Second)
		server.Close()
		began := time.Now()
		client.Write([]byte("x"))
		r := <-w.result
		if took := time.Since(began); r.By != Server || r.Cause != Reset || took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("%+v after %v", r, took)
		}
		client.Close()
	})
}
