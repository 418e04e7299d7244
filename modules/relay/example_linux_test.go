// SPDX-License-Identifier: Apache-2.0

package relay_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// router waits for the first line of a client, and sends it, with all that follows, to a server.
type router struct {
	relay.Session
	buffer [1024]byte
	first  []byte
	server netip.AddrPort
	ended  chan relay.Result
}

func (r *router) Answered()                 {}
func (r *router) Ended(result relay.Result) { r.ended <- result }
func (r *router) Buffer() []byte            { return r.buffer[:] }

func (r *router) Next(n relay.News) relay.Step {
	switch n.Event {
	case relay.Arrived:
		return relay.Step{Until: time.Now().Add(10 * time.Second)}
	case relay.Received:
		r.first = append(r.first, r.buffer[:n.N]...)
		if !bytes.Contains(r.first, []byte("\n")) {
			return relay.Step{} // await more, until the same time
		}
		return relay.Step{Do: relay.Connect, To: r.server, First: r.first, Timeout: 5 * time.Second}
	case relay.Connected:
		return relay.Step{Do: relay.Relay, Options: &relay.Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute}}
	case relay.Expired:
		return relay.Step{Do: relay.Close, Last: []byte("too slow\n")}
	default: // the client has left, or the server refuses
		return relay.Step{Do: relay.Close, Manner: relay.Abruptly}
	}
}

// A Handler decides about a client before it has a server, without a goroutine for each.
func ExampleHandler() {
	server := upperCase()
	defer server.Close()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer front.Close()
	raw, err := front.(*net.TCPListener).SyscallConn()
	if err != nil {
		panic(err)
	}
	client, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		panic(err)
	}
	defer client.Close()

	var s *relay.Socket
	_ = raw.Control(func(fd uintptr) {
		for err = syscall.EAGAIN; errors.Is(err, syscall.EAGAIN); {
			s, err = relay.Accept(fd, front.Addr())
		}
	})
	if err != nil {
		panic(err)
	}
	r := &router{server: netip.MustParseAddrPort(server.Addr().String()), ended: make(chan relay.Result, 1)}
	if err := r.Arrive(s, r); err != nil {
		panic(err)
	}

	_, _ = io.WriteString(client, "hello\nand more\n")
	_ = client.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(client)
	fmt.Printf("%s%v\n", answer, (<-r.ended).Cause)
	// Output:
	// HELLO
	// AND MORE
	// closed
}
