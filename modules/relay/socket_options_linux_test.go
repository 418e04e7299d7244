// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sourceServer listens, and returns its address and the connections that it accepts.
func sourceServer(t *testing.T, address string) (at netip.AddrPort, accepted func() *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().(*net.TCPAddr).AddrPort(), func() *net.TCPConn {
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c.(*net.TCPConn)
	}
}

func dialWith(t *testing.T, to netip.AddrPort, o *SocketOptions) (*Socket, error) {
	t.Helper()
	c, err := Dial(to, DialOptions{Socket: o, Timeout: 10 * time.Second}, []byte("hello"))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	return c.(*Socket), nil
}

func TestSourceIsWhatTheServerSees(t *testing.T) {
	at, accepted := sourceServer(t, "127.0.0.1:0")
	for _, o := range []*SocketOptions{
		{Source: netip.MustParseAddr("127.0.0.77")},
		{Source: netip.MustParseAddr("127.0.0.77"), FirstPort: 21077, LastPort: 21077},
		{FirstPort: 21078, LastPort: 21078},
		{Transparent: TransparentAddress, Address: netip.MustParseAddrPort("127.0.0.79:21079")},
	} {
		if _, err := dialWith(t, at, o); err != nil {
			t.Errorf("%+v: %v", o, err)
			continue
		}
		from := accepted().RemoteAddr().(*net.TCPAddr).AddrPort()
		want := o.from(netip.AddrPort{})
		if want.IsValid() && from.Addr() != want.Addr() || o.FirstPort != 0 && from.Port() != o.FirstPort || want.Port() != 0 && from.Port() != want.Port() {
			t.Errorf("%s, want %s with port %d", from, want, o.FirstPort)
		}
	}
}

// The client's address is a loopback one, so that the server's packets come back.
func TestTransparentClient(t *testing.T) {
	at, accepted := sourceServer(t, "127.0.0.1:0")
	client := netip.MustParseAddrPort("127.0.0.81:21081")
	for how, port := range map[Transparent]uint16{TransparentClient: 21081, TransparentClientIP: 0} {
		c, err := Dial(at, DialOptions{Socket: &SocketOptions{Transparent: how}, ClientAddr: client}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		from := accepted().RemoteAddr().(*net.TCPAddr).AddrPort()
		if from.Addr() != client.Addr() || (from.Port() == client.Port()) != (port != 0) {
			t.Errorf("%d: %s, want %s", how, from, client)
		}
	}
}

func TestPortRange(t *testing.T) {
	at, accepted := sourceServer(t, "127.0.0.1:0")
	other, acceptedToo := sourceServer(t, "127.0.0.2:0")
	busy, err := net.Listen("tcp", "127.0.0.83:21085") // in use by another program
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	o := &SocketOptions{Source: netip.MustParseAddr("127.0.0.83"), FirstPort: 21083, LastPort: 21086}
	seen := make(map[int]int)
	dial := func(to netip.AddrPort, accepted func() *net.TCPConn) *net.TCPConn {
		t.Helper()
		if _, err := dialWith(t, to, o); err != nil {
			t.Fatal(err)
		}
		c := accepted()
		seen[c.RemoteAddr().(*net.TCPAddr).Port]++
		return c
	}
	for range 3 { // a port may serve one connection to each server
		dial(at, accepted)
		dial(other, acceptedToo)
	}
	if len(seen) != 3 || seen[21083] != 2 || seen[21084] != 2 || seen[21086] != 2 {
		t.Errorf("ports %v, want 21083, 21084 and 21086, each twice", seen)
	}
	_, err = dialWith(t, at, o)
	const want = "connecting from ports 21083-21086 of 127.0.0.83: all ports are in use"
	if !IsShortage(err) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// In a long range, a connection gets past more ports in use than it tries one after the other.
func TestLongPortRange(t *testing.T) {
	o := &SocketOptions{Source: netip.MustParseAddr("127.0.0.84"), FirstPort: 20000, LastPort: 29999}
	at, accepted := sourceServer(t, "127.0.0.1:0")
	for range 2 * maxPortRun {
		if _, err := dialWith(t, at, o); err != nil {
			t.Fatal(err)
		}
		accepted()
	}
	o.last.Store(0)
	if _, err := dialWith(t, at, o); err != nil {
		t.Fatal(err)
	}
	if o.last.Load() < 2*maxPortRun {
		t.Errorf("position %d is among the ports in use", o.last.Load())
	}
}

func TestSocketErrors(t *testing.T) {
	at, _ := sourceServer(t, "127.0.0.1:0")
	six, _ := sourceServer(t, "[::1]:0")
	held, err := net.Listen("tcp", "127.0.0.85:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	inUse := held.Addr().(*net.TCPAddr).AddrPort()
	for name, c := range map[string]struct {
		to   netip.AddrPort
		o    *SocketOptions
		want string
	}{
		"not ours":         {at, &SocketOptions{Source: netip.MustParseAddr("203.0.113.9")}, "connecting from 203.0.113.9: bind: cannot assign requested address"},
		"port in use":      {at, &SocketOptions{Source: inUse.Addr(), FirstPort: inUse.Port(), LastPort: inUse.Port()}, "of 127.0.0.85: all ports are in use"},
		"no such address":  {at, &SocketOptions{Source: netip.MustParseAddr("203.0.113.9"), FirstPort: 1000, LastPort: 60000}, "connecting from 203.0.113.9:1001: bind: cannot assign requested address"},
		"other version":    {at, &SocketOptions{Source: netip.MustParseAddr("2001:db8::9")}, "connecting from 2001:db8::9: the server's address 127.0.0.1 is of IP version 4"},
		"IPv4 to IPv6":     {six, &SocketOptions{Source: netip.MustParseAddr("127.0.0.9")}, "connecting from 127.0.0.9: the server's address ::1 is of IP version 6"},
		"no interface":     {at, &SocketOptions{Interface: "nothere0"}, "connecting through interface nothere0: setsockopt SO_BINDTODEVICE: no such device"},
		"no way from here": {netip.MustParseAddrPort("198.51.100.1:1"), &SocketOptions{Source: netip.MustParseAddr("127.0.0.9")}, "connecting from 127.0.0.9: connect: invalid argument"},
		"wrong size":       {at, &SocketOptions{MSS: 1}, "preparing the connection: setsockopt TCP_MAXSEG: invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			switch _, err := dialWith(t, c.to, c.o); {
			case err == nil:
				t.Error("connected")
			case name == "no way from here" && strings.Contains(err.Error(), "unreachable"):
				t.Skip("no route: ", err)
			case !IsShortage(err) || !strings.HasSuffix(err.Error(), c.want):
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	if _, err := dialWith(t, netip.AddrPortFrom(at.Addr(), 1), &SocketOptions{Source: netip.MustParseAddr("127.0.0.86")}); IsShortage(err) || err == nil {
		t.Errorf("refused by the server: %v", err)
	}
}

func TestSocketOptionsAreSet(t *testing.T) {
	at, accepted := sourceServer(t, "127.0.0.1:0")
	o := &SocketOptions{
		Interface: "lo", UserTimeout: 4321 * time.Millisecond, MSS: 777, FastOpen: true,
		KeepAlive: &KeepAlive{Idle: 61 * time.Second, Interval: 7 * time.Second, Count: 4},
	}
	s, err := dialWith(t, at, o)
	if err != nil {
		t.Fatal(err)
	}
	accepted()
	for name, c := range map[string]struct{ level, option, want int }{
		"TCP_USER_TIMEOUT":     {unix.SOL_TCP, unix.TCP_USER_TIMEOUT, 4321},
		"TCP_FASTOPEN_CONNECT": {unix.SOL_TCP, unix.TCP_FASTOPEN_CONNECT, 1},
		"SO_KEEPALIVE":         {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		"TCP_KEEPIDLE":         {unix.SOL_TCP, unix.TCP_KEEPIDLE, 61},
		"TCP_KEEPINTVL":        {unix.SOL_TCP, unix.TCP_KEEPINTVL, 7},
		"TCP_KEEPCNT":          {unix.SOL_TCP, unix.TCP_KEEPCNT, 4},
	} {
		if got, err := unix.GetsockoptInt(s.fd, c.level, c.option); err != nil || got != c.want {
			t.Errorf("%s %d, %v: want %d", name, got, err, c.want)
		}
	}
	if got, err := unix.GetsockoptInt(s.fd, unix.SOL_TCP, unix.TCP_MAXSEG); err != nil || got > 777 {
		t.Errorf("TCP_MAXSEG %d, %v: want at most 777", got, err)
	}
	if got, err := unix.GetsockoptString(s.fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err != nil || got != "lo" {
		t.Errorf("SO_BINDTODEVICE %q, %v: want lo", got, err)
	}
	silent, err := Dial(at, DialOptions{KeepAlive: true, Socket: &SocketOptions{KeepAlive: &KeepAlive{Idle: -1}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	accepted()
	if got, err := unix.GetsockoptInt(silent.(*Socket).fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE); err != nil || got != 0 {
		t.Errorf("SO_KEEPALIVE %d, %v: want none", got, err)
	}
}

// A connection without options allocates nothing for them.
func TestConnectWithoutOptionsAllocatesNothing(t *testing.T) {
	_, at := listenRaw(t) // accepts nothing: that would allocate
	n := testing.AllocsPerRun(50, func() {
		fd, err := startConnect(at, outgoing{first: true, keepAlive: true})
		if err != nil {
			t.Fatal(err)
		}
		_ = setLinger(fd, true, 0)
		closeFD(fd)
	})
	if n >= 1 {
		t.Errorf("%v allocations", n)
	}
}
