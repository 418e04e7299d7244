// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"net"
	"testing"
	"time"
)

// Listen serves connections on a free loopback address until the test ends, each for at most the
// given time.
func Listen(t testing.TB, within time.Duration, serve func(*net.TCPConn)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go Accept(ln, within, serve)
	return ln.Addr().String()
}

// Accept serves the connections of a listener until it is closed.
func Accept(ln net.Listener, within time.Duration, serve func(*net.TCPConn)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(within))
			serve(c.(*net.TCPConn))
		}()
	}
}
