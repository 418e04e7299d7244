// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// expectReset reads until a connection ends, which it must by a reset, after want.
func expectReset(t *testing.T, who string, c net.Conn, want string) {
	t.Helper()
	var got []byte
	for {
		b := make([]byte, 64)
		n, err := c.Read(b)
		got = append(got, b[:n]...)
		if err == nil {
			continue
		}
		if !errors.Is(err, syscall.ECONNRESET) || string(got) != want {
			t.Errorf("the %s got %q, %v: want %q and a reset", who, got, err, want)
		}
		return
	}
}

// expectServerMayFinish runs sessions whose server finishes first: both sides end in order.
func expectServerMayFinish(t *testing.T, o Options) {
	t.Helper()
	eachKind(t, func(t *testing.T, kind string) {
		client, server, _, result := start(t, kind, o)
		send(t, server, "answer")
		server.CloseWrite()
		receiveEnd(t, client, "answer")
		send(t, client, "more")
		receive(t, server, "more")
		client.Close()
		receiveEnd(t, server, "")
		check(t, <-result, Server, Closed, 4, 6)
	})
}

// As with HAProxy, a server that has not finished is reset in place of getting a FIN, and that ends
// the session.
func TestServerNoLinger(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		client, server, _, result := start(t, kind, Options{ServerNoLinger: true})
		send(t, client, "question")
		receive(t, server, "question")
		client.CloseWrite()
		expectReset(t, "server", server, "")
		receiveEnd(t, client, "")
		check(t, <-result, Client, Closed, 8, 0)
	})
	expectServerMayFinish(t, Options{ServerNoLinger: true})
}

// As with HAProxy, a client gets a FIN as long as the session goes on, and a RST at its end.
func TestClientNoLinger(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		client, server, _, result := start(t, kind, Options{ClientNoLinger: true})
		send(t, client, "question")
		client.CloseWrite()
		receiveEnd(t, server, "question")
		send(t, server, "answer")
		receive(t, client, "answer")
		server.Close()
		expectReset(t, "client", client, "")
		check(t, <-result, Client, Closed, 8, 6)
	})
	expectServerMayFinish(t, Options{ClientNoLinger: true})
}
