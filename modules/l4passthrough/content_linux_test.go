// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// controlled calls f with the descriptor of a connection.
func controlled(t *testing.T, c net.Conn, f func(fd int) error) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	if failed := raw.Control(func(fd uintptr) { err = f(int(fd)) }); failed != nil || err != nil {
		t.Error(failed, err)
	}
}

// unread returns the number of bytes in a socket's receive queue. After a write they may appear
// late: a busy kernel delivers them in a thread of its own.
func unread(t *testing.T, c net.Conn) (n int) {
	t.Helper()
	controlled(t, c, func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, unix.SIOCINQ)
		return err
	})
	return n
}

// isBroken reports whether a reset has come, and leaves it to others to read.
func isBroken(t *testing.T, c net.Conn) bool {
	t.Helper()
	list := make([]unix.PollFd, 1)
	controlled(t, c, func(fd int) error {
		list[0].Fd = int32(fd)
		_, err := unix.Poll(list, 0)
		return err
	})
	return list[0].Revents&unix.POLLERR != 0
}

// Without a delay, rules and templates see only the bytes that came with the connection.
func TestContentAtOnce(t *testing.T) {
	hello := hellotest.Hello(t, "a")
	large := hellotest.Plain(hellotest.SNI("a")).Pad(12000).Raw()
	for _, ours := range []string{
		"content {\n close unless acl req.ssl_hello_type 1\n}\nuse_backend a acl req.ssl_sni a",
		"content\nuse_backend a acl req.ssl_sni a",
		"content\nuse_backend a sni a",
		"content\nuse_backend {l4.client_hello.sni}",
		"content\nuse_backend_format %[req.ssl_sni]",
		"content {\n set_var sess.sni req.ssl_sni\n}\nuse_backend {l4.vars.sess.sni}",
		"content {\n set_var sess.sni req.ssl_sni\n close acl always_false\n}\nuse_backend a acl var(sess.sni) -m str a",
		"content\nuse_backend a tls sni a",
		"content {\n close tls sni z\n set_var sess.sni req.ssl_sni\n}\nuse_backend {l4.vars.sess.sni}",
	} {
		for _, sent := range [][]byte{hello, large} {
			s := story{ours: ours, arrives: func(c net.Conn) {
				await(t, "what was sent", func() bool { return unread(t, c) == len(sent) })
			}}
			address, line := s.frontend(t, greeter(t, "a", nil), greeter(t, "b", nil))
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 1)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "a" {
				t.Errorf("%q, %d bytes: greeted by %q (%v)", ours, len(sent), got, err)
			}
			c.Close()
			if fields := line(); fields["outcome"] != "hello" || fields["sni"] != "a" {
				t.Errorf("%q: logged as %v", ours, fields)
			}
		}
	}
}

// A client whose connection broke before its bytes were needed gets no server.
func TestContentOfABrokenConnection(t *testing.T) {
	s := story{ours: "content\nuse_backend a sni a.example", arrives: func(c net.Conn) {
		await(t, "the reset", func() bool { return isBroken(t, c) })
	}}
	address, line := s.frontend(t, greeter(t, "a", nil), greeter(t, "b", nil))
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s.client = []step{{0, rst}}
	s.act(c.(*net.TCPConn), time.Now())
	if fields := line(); fields["termination"] != "CR" || fields["end"] != "client_left" || fields["ended_by"] != "client" || fields["error"] == "" {
		t.Errorf("logged as %v", fields)
	}
}
