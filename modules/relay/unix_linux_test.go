// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/nettest"
	"golang.org/x/sys/unix"
)

func TestUnixSocketIsAConn(t *testing.T) {
	nettest.TestConn(t, func() (dialed, accepted net.Conn, stop func(), err error) {
		path, ln := listenUnix(t)
		if dialed, err = DialUnix(path, nil); err == nil {
			accepted, err = ln.Accept()
		}
		return dialed, accepted, func() { _, _, _ = dialed.Close(), accepted.Close(), ln.Close() }, err
	})
}

func listenUnix(t *testing.T) (path string, ln net.Listener) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return path, ln
}

// A server behind a Unix socket has the first bytes when it is connected, and the session takes
// over the descriptor as it is.
func TestDialUnix(t *testing.T) {
	path, ln := listenUnix(t)
	conn, err := DialUnix(path, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if from, to := conn.LocalAddr(), conn.RemoteAddr(); from.Network() != "unix" || to.Network() != "unix" || to.String() != path {
		t.Errorf("from %v to %v", from, to)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	receive(t, server, "hello")
	near, client := tcpPair(t)
	s, w := new(Session), newOwner()
	if rest := s.Start(near, conn, []byte("hello"), new(Options), w); rest != nil {
		t.Fatal("the session is copied")
	}
	if fd := conn.(*Socket).fd; fd >= 0 {
		t.Errorf("the socket still has descriptor %d", fd)
	}
	send(t, client, " again")
	receive(t, server, " again")
	send(t, server, "well")
	receive(t, client, "well")
	if err := errors.Join(client.CloseWrite(), server.(*net.UnixConn).CloseWrite()); err != nil {
		t.Error(err)
	}
	check(t, <-w.result, Client, Closed, 11, 4)
	if rest, err := io.ReadAll(server); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestDialUnixFails(t *testing.T) {
	path, ln := listenUnix(t)
	for name, c := range map[string]struct {
		path string
		err  error
	}{
		"nothing there": {path + "x", unix.ENOENT},
		"too long":      {"/" + strings.Repeat("x", 200), unix.EINVAL},
	} {
		if _, err := DialUnix(c.path, nil); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw, err := ln.(*net.UnixListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	full := "dial unix " + path + ": connect: resource temporarily unavailable"
	for range 10 {
		conn, failed := DialUnix(path, nil)
		if err = failed; err != nil {
			break
		}
		defer conn.Close()
	}
	if err == nil || err.Error() != full {
		t.Errorf("%v, want %s", err, full)
	}
	ln.Close()
	if _, err := DialUnix(path, nil); !errors.Is(err, unix.ENOENT) { // Close has removed it
		t.Errorf("closed: %v", err)
	}
}
