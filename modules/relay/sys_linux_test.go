// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net/netip"
	"testing"
)

// The kernel gets addresses of variables on the stack. A stack that has to grow moves; it must not
// move between taking the address and the call. Goroutines of all depths accept a connection, so
// that for some the stack grows there.
func TestRawSyscallsSurviveStackGrowth(t *testing.T) {
	listening, at := listenRaw(t)
	for depth := range 400 {
		dialed, err := Dial(at, DialOptions{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := dialed.LocalAddr().String()
		type accepted struct {
			fd     int
			remote netip.AddrPort
		}
		got := make(chan accepted)
		go func() {
			var a accepted
			// No other call comes before: the stack would grow for that. On loopback the connection is
			// there.
			deep(depth, func() { a.fd, a.remote, _ = accept(listening) })
			got <- a
		}()
		a := <-got
		if a.remote.String() != want {
			t.Errorf("depth %d: accepted from %v, want %s", depth, a.remote, want)
		}
		closeFD(a.fd)
		dialed.Close()
	}
}

// deep calls f with a stack that is deeper by the given number of frames.
//
//go:noinline
func deep(frames int, f func()) {
	if frames == 0 {
		f()
		return
	}
	deep(frames-1, f)
}
