// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// listen serves connections on a loopback address until the attack is over.
func (s *stage) listen(serve func(*net.TCPConn)) (address string) {
	s.Helper()
	return programs.Listen(s, 2*patience, serve)
}

func accept(ln net.Listener, serve func(*net.TCPConn)) { programs.Accept(ln, 2*patience, serve) }

// readHello reads one TLS record.
func readHello(c *net.TCPConn) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, err
	}
	hello := make([]byte, int(head[3])<<8|int(head[4]))
	_, err := io.ReadFull(c, hello)
	return hello, err
}

// bulk is the size of a download.
const bulk = 64 << 20

// origin is a server that acts as the name in the hello says, and greets all others.
func origin(c *net.TCPConn) {
	hello, err := readHello(c)
	if err != nil {
		return
	}
	has := func(word string) bool { return bytes.Contains(hello, []byte(word)) }
	switch {
	case has("endless."):
		_, _ = io.Copy(c, zeros{})
	case has("bulk."):
		_, _ = io.CopyN(c, zeros{}, bulk)
	case has("stay."):
		fmt.Fprint(c, "hi")
		_, _ = io.Copy(io.Discard, c)
	default:
		fmt.Fprint(c, "hi")
	}
}

// zeros is a reader without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// neverAnswers is a server that accepts and is silent.
func neverAnswers(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }

// resetsAtRandom is a server that resets before, during or after its answer, or not at all.
func resetsAtRandom(c *net.TCPConn) {
	switch rand.IntN(4) {
	case 0:
		_ = c.SetLinger(0)
	case 1:
		_, _ = readHello(c)
		_ = c.SetLinger(0)
	case 2:
		_, _ = readHello(c)
		fmt.Fprint(c, "h")
		_ = c.SetLinger(0)
	default:
		origin(c)
	}
}

// one returns a backend with a single server.
func one(address, options string) settings {
	return settings{backend: fmt.Sprintf("    server s1 %s %s\n", address, options)}
}
