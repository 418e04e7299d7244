// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// optionOf returns an option of a socket.
func optionOf(t testing.TB, conn any, level, option int) (value int) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	called := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, option) })
	if called != nil || err != nil {
		t.Fatal(called, err)
	}
	return value
}

// listeningOption returns an option of the listening socket of an address.
func listeningOption(t testing.TB, a address, level, option int) int {
	t.Helper()
	socketsMu.Lock()
	defer socketsMu.Unlock()
	s := sockets[a]
	if s == nil {
		t.Fatalf("no socket listens at %s", a)
	}
	return optionOf(t, s.kernel.(*tcpKernel).file, level, option)
}

// Options are those of the active configuration, on the listening socket and on the connections
// that it accepts; it stays the same socket, and no connection is lost. A configuration with
// options that the kernel refuses is refused, as is one whose app fails; they change nothing.
func TestOptionsFollowConfiguration(t *testing.T) {
	eachWay(t, testOptionsFollowConfiguration, byAccept, byTaker)
}

func testOptionsFollowConfiguration(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		a := resolveOne(t, host, unused(t))
		accepted := newAcceptedOptions(t, a)
		all := Options{Transparent: true, DeferAccept: true, FastOpen: true, MSS: 1000, UserTimeout: 7 * time.Second}
		steps := []Options{
			{},
			{MSS: 900},
			{MSS: 1200},
			{UserTimeout: time.Second},
			{UserTimeout: 1500*time.Microsecond + 1},
			{DeferAccept: true},
			{FastOpen: true},
			{FastOpen: true, Backlog: 5},
			{Transparent: true},
			all,
			{},
			{DeferAccept: true, MSS: 88},
		}
		for _, o := range steps {
			if err := accepted.load(o, false); err != nil {
				t.Fatalf("%+v: %v", o, err)
			}
			accepted.verify(o)
			if err := accepted.load(Options{MSS: 1 << 20}, false); err == nil || !strings.Contains(err.Error(), "mss: setsockopt: invalid argument") {
				t.Errorf("an MSS that the kernel refuses: %v", err)
			}
			if err := accepted.load(Options{MSS: 500, UserTimeout: time.Minute, DeferAccept: !o.DeferAccept, FastOpen: !o.FastOpen, Transparent: !o.Transparent}, true); err == nil {
				t.Fatal("a configuration whose app fails was taken")
			}
			accepted.verify(o)
		}
		accepted.stop()
	}
}

// shown receives the connections whose client has sent showByte.
var shown = make(chan net.Conn)

const showByte = 's'

// serveByte sends back the byte that each client sends.
func serveByte(ln net.Listener) {
	serve := func(conn net.Conn) {
		b := make([]byte, 1)
		if _, err := conn.Read(b); err == nil && b[0] == showByte {
			shown <- conn
			return
		}
		_, _ = conn.Write(b)
		conn.Close()
	}
	if takes() {
		TakeBy(ln, func(conn *relay.Socket) { go serve(conn) })
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go serve(conn)
	}
}

// acceptedOptions loads configurations and compares the options of the sockets of one address.
type acceptedOptions struct {
	t     *testing.T
	at    address
	inode uint64
	stop  func()
}

func newAcceptedOptions(t *testing.T, at address) *acceptedOptions {
	a := &acceptedOptions{t: t, at: at}
	if err := a.load(Options{}, false); err != nil {
		t.Fatal(err)
	}
	a.inode = a.socket()
	stop := loadBy(func() (byte, error) { return a.askWith('x') })
	a.stop = sync.OnceFunc(func() {
		if ok, lost := stop(); len(lost) > 0 || ok == 0 {
			t.Errorf("%d served, %d lost, the first: %v", ok, len(lost), lost[0])
		}
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(a.stop)
	return a
}

// askWith sends a byte, which a socket with DeferAccept waits for, and returns the answer.
func (a *acceptedOptions) askWith(b byte) (byte, error) {
	conn, err := net.DialTimeout("tcp", a.at.at.String(), patience)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte{b}); err != nil {
		_ = conn.Close()
		return 0, err
	}
	return answerOf(conn)
}

func (a *acceptedOptions) load(o Options, fail bool) error {
	app := optionsApp{Listen: fmt.Sprintf("durable/%s", a.at.at), Options: []Options{o}, Fail: fail, Serve: true}
	return app.load(a.t)
}

// accept returns an accepted connection.
func (a *acceptedOptions) accept() net.Conn {
	client, err := net.DialTimeout("tcp", a.at.at.String(), patience)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { client.Close() })
	if _, err := client.Write([]byte{showByte}); err != nil {
		a.t.Fatal(err)
	}
	return <-shown
}

// socket returns the number of the listening socket.
func (a *acceptedOptions) socket() uint64 {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	var st unix.Stat_t
	if err := sockets[a.at].kernel.(*tcpKernel).do(func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
		a.t.Fatal(err)
	}
	return st.Ino
}

func (a *acceptedOptions) verify(want Options) {
	a.t.Helper()
	level, transparent := unix.IPPROTO_IP, unix.IP_TRANSPARENT
	if !a.at.isIPv4() {
		level, transparent = unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT
	}
	flag := map[bool]int{true: 1}
	queue := 0
	if want.FastOpen {
		queue = min(max(want.Backlog, 0), programs.MaxBacklog(a.t))
		if want.Backlog == 0 {
			queue = programs.MaxBacklog(a.t)
		}
	}
	milliseconds := int((want.UserTimeout + time.Millisecond - 1) / time.Millisecond)
	for _, c := range []struct {
		name          string
		level, option int
		want          int
	}{
		{"transparent", level, transparent, flag[want.Transparent]},
		{"defer_accept", unix.SOL_TCP, unix.TCP_DEFER_ACCEPT, flag[want.DeferAccept]},
		{"tfo", unix.SOL_TCP, unix.TCP_FASTOPEN, queue},
		{"mss", unix.SOL_TCP, unix.TCP_MAXSEG, max(want.MSS, 536)},
		{"tcp_user_timeout", unix.SOL_TCP, unix.TCP_USER_TIMEOUT, milliseconds},
	} {
		if c.name == "mss" && want.MSS != 0 {
			c.want = want.MSS
		}
		if got := listeningOption(a.t, a.at, c.level, c.option); got != c.want {
			a.t.Errorf("%s with %+v: %s is %d on the listening socket, expected %d", a.at, want, c.name, got, c.want)
		}
	}
	if got := a.socket(); got != a.inode {
		a.t.Errorf("%+v: another socket listens", want)
		a.inode = got
	}
	conn := a.accept()
	defer conn.Close()
	if got := optionOf(a.t, conn, level, transparent); got != flag[want.Transparent] {
		a.t.Errorf("%+v: transparent is %d on an accepted socket", want, got)
	}
	if got := optionOf(a.t, conn, unix.SOL_TCP, unix.TCP_USER_TIMEOUT); got != milliseconds {
		a.t.Errorf("%+v: tcp_user_timeout is %d on an accepted socket", want, got)
	}
	if got := optionOf(a.t, conn, unix.SOL_TCP, unix.TCP_MAXSEG); want.MSS != 0 && (got > want.MSS || got < want.MSS-40) {
		a.t.Errorf("%+v: mss is %d on an accepted socket", want, got)
	}
}
