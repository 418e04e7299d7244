// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// server is a TCP server at every loopback address, on one port. It sends back what it gets.
type server struct {
	address string // of its port at 127.0.0.1

	mu       sync.Mutex
	listener net.Listener
}

// start makes the server listen.
func (s *server) start() error {
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp4", "0.0.0.0:"+port)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.listener = ln
	s.mu.Unlock()
	go programs.Accept(ln, patience, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	return nil
}

// stop makes the server refuse connections.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.listener.Close()
}

// newServer starts a server that runs until the test ends.
func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{address: programs.Address(t)}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// at returns an address of the server, of which there are 64,000.
func (s *server) at(n int) string {
	_, port, _ := net.SplitHostPort(s.address)
	return fmt.Sprintf("127.8.%d.%d:%s", n/250, n%250+1, port)
}

// backend returns the configuration of a backend with a number of servers, and more lines.
func (s *server) backend(name string, servers int, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "backend %s {\n", name)
	for i := range servers {
		fmt.Fprintf(&b, "server s%d %s maxconn 100\n", i+1, s.at(i))
	}
	fmt.Fprintf(&b, "%s\n}\n", more)
	return b.String()
}

// frequent are checks that see in a moment that a server fails.
const frequent = "check tcp {\ninterval 200ms\nfall 1\nrise 1\n}"
