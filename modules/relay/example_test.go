// SPDX-License-Identifier: Apache-2.0

package relay_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// connection is the owner of a session: it learns how the session ends.
type connection struct {
	relay.Session
	ended chan relay.Result
}

func (c *connection) Answered()            {}
func (c *connection) Ended(r relay.Result) { c.ended <- r }

// upperCase is a server that answers its only client with what it sent, in upper case, and closes.
func upperCase() net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b, _ := io.ReadAll(c)
		for i := range b {
			if b[i] >= 'a' && b[i] <= 'z' {
				b[i] -= 'a' - 'A'
			}
		}
		_, _ = c.Write(b)
	}()
	return ln
}

// A proxy for one connection: it accepts the client, connects to the server, and lets a session
// move the bytes. On Linux no goroutine waits for them.
func Example() {
	server := upperCase()
	defer server.Close()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer front.Close()

	c := &connection{ended: make(chan relay.Result, 1)}
	go func() {
		client, err := front.Accept()
		if err != nil {
			return
		}
		to := netip.MustParseAddrPort(server.Addr().String())
		origin, err := relay.Dial(to, relay.DialOptions{Timeout: 5 * time.Second}, nil)
		if err != nil {
			_ = client.Close()
			return
		}
		o := &relay.Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute}
		if run := c.Start(client, origin, nil, o, c); run != nil {
			run() // not two sockets on Linux: this goroutine copies
		}
	}()

	client, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		panic(err)
	}
	defer client.Close()
	_, _ = io.WriteString(client, "hello")
	_ = client.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(client)
	fmt.Printf("%s\n", answer)
	r := <-c.ended
	fmt.Printf("%s by the %s: %d bytes in, %d out\n", r.Cause, r.By, r.In, r.Out)
	// Output:
	// HELLO
	// closed by the client: 5 bytes in, 5 out
}

// End ends a session from outside, for example when its server is taken out of service. The result
// carries the reason.
func ExampleSession_End() {
	near, client := net.Pipe()
	far, server := net.Pipe()
	defer client.Close()
	defer server.Close()

	c := &connection{ended: make(chan relay.Result, 1)}
	if run := c.Start(near, far, nil, &relay.Options{}, c); run != nil {
		go run()
	}
	c.End("server is down")
	r := <-c.ended
	fmt.Printf("%s by the %s: %s\n", r.Cause, r.By, r.Reason)
	// Output: ended by the proxy: server is down
}

// A timeout of two hours outlasts what firewalls remember of an idle connection, so the server's
// connection needs keepalive.
func ExampleOptions_NeedsKeepAlive() {
	web := relay.Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute}
	tunnel := relay.Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute, Tunnel: 2 * time.Hour}
	fmt.Println(web.NeedsKeepAlive(), tunnel.NeedsKeepAlive())
	// Output: false true
}
