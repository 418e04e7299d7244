// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// sendUrgent sends abcdef with an urgent byte in the middle, which no proxy passes on.
func sendUrgent(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		for _, part := range []struct {
			text  string
			flags int
		}{{"abc", 0}, {"!", unix.MSG_OOB}, {"def", 0}} {
			err = errors.Join(err, unix.Sendto(int(fd), []byte(part.text), part.flags, nil))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A read stops before an urgent byte. The bytes behind it are passed on even if the shard gets a
// single event for all of them.
func TestUrgentData(t *testing.T) {
	c, client := tcpPair(t)
	v, server := tcpPair(t)
	sendUrgent(t, client)
	result := run(t, "engine", new(Session), c, v, nil, Options{}).result
	receive(t, server, "abcdef")
	client.Close()
	receiveEnd(t, server, "")
	server.Close()
	check(t, <-result, Client, Closed, 6, 0)
}
