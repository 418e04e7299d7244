// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A process that is stopped for longer than its timeouts cuts no session that was active meanwhile:
// bytes that came in time wait in the kernel.
func TestSuspendedProcessKeepsSessions(t *testing.T) {
	t.Parallel()
	const timeout, stopped = 6 * time.Second, 7 * time.Second // long enough for a busy machine
	say2 := make(chan struct{})                               // tells the servers to send
	p, address := startRaw(t, fmt.Sprintf("inspect_delay %v\n timeouts client %[1]v server %[1]v", timeout), func(c *net.TCPConn) {
		if skipHello(c) != nil {
			return
		}
		if _, err := c.Write([]byte("hello ")); err != nil {
			return
		}
		go func() {
			<-say2
			_, _ = c.Write([]byte("!"))
		}()
		_, _ = io.Copy(c, c)
	})
	var talkers, listeners []*net.TCPConn
	for range 10 {
		for _, list := range []*[]*net.TCPConn{&talkers, &listeners} {
			c := say(t, address, "")
			if got := read(t, c, make([]byte, 6)); got != "hello " {
				t.Fatalf("got %q", got)
			}
			*list = append(*list, c)
		}
	}
	hello := hellotest.Hello(t, "www.example.test")
	beginner := dial(t, address)
	if _, err := beginner.Write(hello[:100]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(timeout / 4) // half of it is read

	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) })
	time.Sleep(timeout / 4)
	close(say2)
	for _, c := range talkers {
		if _, err := c.Write([]byte("?")); err != nil {
			t.Error(err)
		}
	}
	if _, err := beginner.Write(hello[100:]); err != nil {
		t.Error(err)
	}
	time.Sleep(stopped - timeout/4)
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}

	for i, c := range append(talkers, beginner) {
		want := "!?"
		if c == beginner {
			want = "hello !"
		}
		b := make([]byte, len(want))
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if n, err := io.ReadFull(c, b); err != nil || string(b) != want && string(b) != "?!" {
			t.Errorf("talker %d got %q (%v), want %q", i, b[:n], err, want)
		}
	}
	for i, c := range listeners {
		if got := read(t, c, make([]byte, 1)); got != "!" {
			t.Errorf("listener %d got %q", i, got)
		}
	}
	for _, c := range append(append(talkers, beginner), listeners...) {
		c.Close()
	}
	for _, l := range p.sessions(t, 21) {
		if l.Termination != "--" || l.Outcome != "hello" {
			t.Errorf("log line %+v", l)
		}
	}
}

// Nor does it mark servers down whose checks ran out of time meanwhile.
func TestSuspendedProcessKeepsServersUp(t *testing.T) {
	t.Parallel()
	servers := ""
	for i := range 8 {
		servers += fmt.Sprintf("server s%d %s\n", i+1, listen(t, func(c *net.TCPConn) {
			_, _ = c.Read(make([]byte, 1000))
			time.Sleep(400 * time.Millisecond) // so that a check is usually in progress
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		}))
	}
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend web {
			%s
			check http {
				interval 450ms
				timeout 4s
				rise 1
				fall 1
			}
		}
	}`, servers), "")
	for i := range 8 {
		p.becomes(t, fmt.Sprintf("s%d", i+1), func(s *serverState) bool { return s.Health == "up" && s.LastCheck.Code == "L7OK" })
	}
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second)
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	time.Sleep(700 * time.Millisecond)
	if strings.Contains(p.log(), "L7TOUT") {
		t.Errorf("servers went down:\n%s", p.log())
	}
}
