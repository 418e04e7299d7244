// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// oddClient is one way to treat a frontend. It closes the connection in some way, or leaves that to
// the caller.
type oddClient func(c *net.TCPConn, hello []byte)

var oddClients = []oddClient{
	func(c *net.TCPConn, hello []byte) { _, _ = c.Write(hello); _, _ = io.ReadFull(c, make([]byte, 2)) },
	func(c *net.TCPConn, hello []byte) {
		_, _ = c.Write(hello)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	},
	func(c *net.TCPConn, hello []byte) { _, _ = c.Write(hello) },
	func(c *net.TCPConn, hello []byte) { _, _ = c.Write(hello); _ = c.SetLinger(0) },
	func(c *net.TCPConn, hello []byte) { _, _ = c.Write(hello[:rand.IntN(len(hello))]) },
	func(c *net.TCPConn, hello []byte) { _, _ = c.Write(hello[:rand.IntN(len(hello))]); _ = c.SetLinger(0) },
	func(c *net.TCPConn, hello []byte) {
		_, _ = c.Write(hello[:rand.IntN(len(hello))])
		_, _ = io.Copy(io.Discard, c)
	},
	func(c *net.TCPConn, hello []byte) {
		garbled := append([]byte(nil), hello...)
		for range 1 + rand.IntN(8) {
			garbled[rand.IntN(len(garbled))] = byte(rand.Uint32())
		}
		_, _ = c.Write(garbled)
		_, _ = io.Copy(io.Discard, c)
	},
	func(c *net.TCPConn, _ []byte) {
		_, _ = c.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
		_, _ = io.Copy(io.Discard, c)
	},
	func(c *net.TCPConn, _ []byte) { _ = c.SetLinger(0) },
	func(*net.TCPConn, []byte) {},
}

// Whatever clients do, each gets one log line, and once they are gone nothing of them is left: no
// goroutine and no descriptor.
func TestOddClients(t *testing.T) {
	const clients, atOnce = 600, 24
	p, address := startServers(t, "inspect_delay 500ms\n retries 1\n timeouts client 2s server 2s", listen(t, greet), freeAddress(t))
	hello := hellotest.Hello(t, "www.example.test", "h2")
	goroutines, descriptors := p.goroutines(t), p.descriptors(t)

	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range clients {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c, err := net.DialTimeout("tcp", address, patience)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			oddClients[i%len(oddClients)](c.(*net.TCPConn), hello)
		})
	}
	wg.Wait()

	ends := map[string]int{}
	for _, l := range p.sessions(t, clients) {
		ends[l.Outcome+" "+l.Termination]++
		if l.Level != "info" {
			t.Errorf("logged at level %s: %+v", l.Level, l)
		}
	}
	t.Logf("%d connections ended as %v", clients, ends)
	within(t, "goroutines", goroutines, func() int { return p.goroutines(t) })
	within(t, "descriptors", descriptors, func() int { return p.descriptors(t) })
	if n := len(p.sessions(t, clients)); n != clients {
		t.Errorf("%d log lines for %d connections", n, clients)
	}
}
