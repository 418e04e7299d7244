// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A process that is stopped for longer than its timeouts cuts nothing that went on
// meanwhile: what has come in time waits in the kernel.
func TestStoppedProcess(t *testing.T) {
	const timeout, stopped = 2 * time.Second, 3 * time.Second
	say2 := make(chan struct{}) // that the servers are to say something
	p, address := startRaw(t, "inspect_delay 2s\n timeouts client 2s server 2s", func(c *net.TCPConn) {
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
	time.Sleep(timeout / 4) // the half of it is read

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
