// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// BenchmarkNext measures what a connection that is passed on costs on the general path, without
// system calls.
func BenchmarkNext(b *testing.B) {
	app := newAppOf(b, nil)
	f, _ := frontendTo(app, "", Config{MaxHello: 65536, InspectDelay: time.Hour, Actions: Actions{NoMatch: {Verb: Next}}})
	buf := make([]byte, 64<<10)
	entry := f.Entry(EntryConfig{Next: func(conn net.Conn) bool {
		_, err := conn.Read(buf)
		return err == nil
	}})
	hello := hellotest.Hello(b, "a.example.test")
	for b.Loop() {
		entry.Serve(&helloConn{hello: hello}, time.Now())
	}
}

// helloConn is a connection whose client has sent a hello.
type helloConn struct {
	net.Conn
	hello []byte
}

func (c *helloConn) Read(b []byte) (int, error) {
	n := copy(b, c.hello)
	c.hello = c.hello[n:]
	return n, nil
}

func (*helloConn) SetReadDeadline(time.Time) error { return nil }

func (*helloConn) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}
}

func (*helloConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000}
}
