// SPDX-License-Identifier: Apache-2.0

package frontendtest

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// Answers resolves names by answer, which returns the IPv4 addresses of a host, until the test is
// over. A host without addresses does not exist.
func Answers(t testing.TB, answer func(host string) []string) {
	t.Helper()
	AnswersOf(t, func(host string, f resolve.Family) (addresses []netip.Addr, err error) {
		found := answer(host)
		if len(found) == 0 || f != resolve.IPv4 {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		for _, a := range found {
			addresses = append(addresses, netip.MustParseAddr(a))
		}
		return addresses, nil
	})
}

// AnswersOf resolves names by a source, without a cache, until the test is over.
func AnswersOf(t testing.TB, s Source) {
	t.Helper()
	servers, clients := resolve.Servers, resolve.Clients
	t.Cleanup(func() { resolve.Servers, resolve.Clients = servers, clients })
	resolve.Servers, resolve.Clients = &resolve.Resolver{Source: s}, &resolve.Resolver{Source: s}
}

// Source is a resolve.Source whose answers have a TTL of 0.
type Source func(host string, f resolve.Family) ([]netip.Addr, error)

// Lookup implements resolve.Source.
func (s Source) Lookup(_ context.Context, host string, family resolve.Family) ([]netip.Addr, time.Duration, error) {
	addresses, err := s(host, family)
	return addresses, 0, err
}

// Connected returns the two ends of a TCP connection, which are closed when the test is over.
func Connected(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// Listening accepts connections at an address until the test is over, and sends the first bytes of
// each to received.
func Listening(t testing.TB, network, address string) (at net.Addr, received chan string) {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	received = make(chan string, 100)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				first := make([]byte, 4096)
				n, _ := conn.Read(first)
				received <- string(first[:n])
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return ln.Addr(), received
}
