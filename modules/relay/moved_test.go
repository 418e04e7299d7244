// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// The bytes that sessions move count while these run, and their sums are those of the results.
func TestMovedBytes(t *testing.T) { // not parallel: the numbers are the process's
	eachKind(t, func(t *testing.T, kind string) {
		before := ReadStats()
		awaitMoved := func(in, out int64) {
			t.Helper()
			over := time.Now().Add(time.Minute)
			for s := ReadStats(); s.In-before.In != in || s.Out-before.Out != out; s = ReadStats() {
				if time.Now().After(over) {
					t.Fatalf("%d bytes in and %d out, want %d and %d", s.In-before.In, s.Out-before.Out, in, out)
				}
				time.Sleep(time.Millisecond)
			}
		}
		c, client := tcpPair(t)
		v, server := tcpPair(t)
		w := newOwner()
		if rest := new(Session).StartAfterHeader(kinds[kind](c), v, []byte("header, hello"), len("header, "), new(Options), w); rest != nil {
			go rest()
		}
		receive(t, server, "header, hello")
		send(t, client, " and more")
		receive(t, server, " and more")
		const bulk = 4 << 20 // enough to be spliced
		go server.Write(bytes.Repeat([]byte("x"), bulk))
		if _, err := io.CopyN(io.Discard, client, bulk); err != nil {
			t.Fatal(err)
		}
		awaitMoved(14, bulk)
		send(t, client, "lost") // not read, so that the server's close resets
		awaitMoved(18, bulk)
		reset(t, server)
		r := <-w.result
		awaitMoved(r.In, r.Out)
		if r.Cause != Reset || r.Out != bulk {
			t.Errorf("ended %+v", r)
		}
	})
}
