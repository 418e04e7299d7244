// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// allCheckers returns one checker of each kind, configured to wait for an answer.
func allCheckers(t testing.TB) map[string]pool.Checker {
	all := map[string]pool.Checker{"agent": agentAsChecker{new(Agent)}}
	for name, config := range map[string]string{
		"tcp": `{}`, "ssl_hello": `{}`, "tls": `{"verify": "none"}`, "http": `{}`,
		"tcp_script": `{"steps": [{"expect": {"string": "pong"}}]}`, "http_script": `{"request": {}}`,
		"mysql": `{"user": "haproxy"}`, "pgsql": `{"user": "haproxy"}`, "ldap": `{}`, "spop": `{}`, "smtp": `{}`, "redis": `{}`,
	} {
		all[name] = provisioned(t, name, config)
	}
	return all
}

// agentAsChecker makes an agent a checker.
type agentAsChecker struct{ *Agent }

func (a agentAsChecker) Check(ctx context.Context, t pool.Target) pool.Result {
	return a.Ask(ctx, t).Result
}

func TestEveryCheckerWithoutConnection(t *testing.T) {
	nobody, full := programs.Address(t), unanswered(t)
	for name, c := range allCheckers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectResult(t, checked(c, to(nobody)), pool.Layer4Connection, "connection refused")
			expectResult(t, checked(c, pool.Target{Network: "unix", Address: "/nowhere/at.all", Timeout: ample}), pool.Layer4Connection, "no such file or directory")
			began := time.Now()
			expectResult(t, checked(c, targetWithTimeout(soon, full)), pool.Layer4Timeout, "")
			expectResult(t, checked(c, pool.Target{Network: "tcp", Address: full, Timeout: ample, ConnectTimeout: soon}), pool.Layer4Timeout, "")
			if took := time.Since(began); took > ample/2 {
				t.Errorf("took %v", took)
			}
			away := to(nobody)
			away.Source = netip.MustParseAddr("192.0.2.1")
			expectResult(t, checked(c, away), pool.SocketError, "cannot assign requested address")
		})
	}
}

func TestEveryCheckerStopsWhenCanceled(t *testing.T) {
	full, mute := unanswered(t), serve(t, silent)
	for name, c := range allCheckers(t) {
		for what, address := range map[string]string{"connect": full, "answer": mute} {
			if name == "tcp" && what == "answer" {
				continue
			}
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(context.Background())
				defer time.AfterFunc(soon/2, cancel).Stop()
				began := time.Now()
				if got := c.Check(ctx, to(address)); got.Code != pool.CodeNotChecked || !strings.HasSuffix(got.Info, "canceled") {
					t.Errorf("got %s %q", got.Code, got.Info)
				}
				if took := time.Since(began); took > ample/2 {
					t.Errorf("took %v", took)
				}
				cancel()
				if got := c.Check(ctx, to(address)); got.Code != pool.CodeNotChecked || !strings.HasSuffix(got.Info, "canceled") {
					t.Errorf("canceled before: got %s %q", got.Code, got.Info)
				}
			})
		}
		if name == "tcp" {
			continue
		}
		t.Run(name+"/deadline", func(t *testing.T) {
			t.Parallel()
			retryWithLongerUnits(t, func(unit time.Duration) string {
				ctx, cancel := context.WithTimeout(context.Background(), unit)
				defer cancel()
				if got := c.Check(ctx, to(mute)); got.Code != pool.Layer6Timeout && got.Code != pool.Layer7Timeout {
					return string(got.Code)
				}
				return ""
			})
		})
	}
}

// The PROXY header precedes everything else and has the right addresses.
func TestEveryCheckerSendsProxyHeaderFirst(t *testing.T) {
	headers := map[int]func(c *net.TCPConn) string{
		0: func(*net.TCPConn) string { return "" },
		1: func(c *net.TCPConn) string {
			return fmt.Sprintf("PROXY TCP4 127.0.0.2 127.0.0.1 %d %d\r\n", c.RemoteAddr().(*net.TCPAddr).Port, c.LocalAddr().(*net.TCPAddr).Port)
		},
		2: func(*net.TCPConn) string { return "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00" },
	}
	begins := map[string]string{
		"ssl_hello": "\x16\x03\x01", "tls": "\x16\x03\x01", "http": "GET / HTTP/1.1\r\n",
		"pgsql": "\x00\x00\x00\x16\x00\x03", "ldap": "\x30\x0c\x02\x01\x01", "spop": "\x00\x00\x00\x4e\x01", "redis": "*1\r\n$4\r\n",
	}
	for name, c := range allCheckers(t) {
		for version, header := range headers {
			t.Run(fmt.Sprint(name, version), func(t *testing.T) {
				t.Parallel()
				pairs := make(chan [2]string, 1)
				address := serve(t, func(c *net.TCPConn) {
					want := header(c) + begins[name]
					text := make([]byte, len(want))
					n, _ := io.ReadFull(c, text)
					pairs <- [2]string{string(text[:n]), want}
				})
				target := to(address)
				target.SendProxy, target.Source = version, netip.MustParseAddr("127.0.0.2")
				checked(c, target)
				pair := <-pairs
				// The reset after a plain connect may overtake the data sent.
				if pair[0] != pair[1] && (name != "tcp" || pair[0] != "") {
					t.Errorf("got %q, want %q", pair[0], pair[1])
				}
			})
		}
	}
}

func TestProxyHeaderWithoutAddresses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	serveOn(t, l, func(c net.Conn) {
		text := make([]byte, len("PROXY UNKNOWN\r\nping"))
		io.ReadFull(c, text)
		got <- string(text)
		io.WriteString(c, "pong")
	})
	c := provisioned(t, "tcp_script", `{"steps": [{"send": "ping"}, {"expect": {"string": "pong"}}]}`)
	target := pool.Target{Network: "unix", Address: path, Timeout: ample, SendProxy: 1, Source: netip.MustParseAddr("127.0.0.2")}
	expectResult(t, checked(c, target), pool.Layer7OK, "")
	if g := <-got; g != "PROXY UNKNOWN\r\nping" {
		t.Errorf("got %q", g)
	}
}

// With a connect timeout, the check's timeout starts after the connect.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	c := provisioned(t, "tcp_script", `{"steps": [{"expect": {"string": "pong"}}, {"connect": {}}, {"expect": {"string": "pong"}}]}`)
	retryWithLongerUnits(t, func(unit time.Duration) (problem string) {
		address := serve(t, func(c *net.TCPConn) {
			time.Sleep(2 * unit)
			says("pong")(c)
		})
		for _, test := range []struct {
			connect, rest time.Duration
			want          pool.Code
		}{
			{0, 3 * unit, pool.Layer7Timeout}, // a timeout for each of the two connections
			{0, ample + 5*unit, pool.Layer7OK},
			{unit, 3 * unit, pool.Layer7OK},
			{ample, unit, pool.Layer7Timeout},
			{0, 0, pool.Layer7OK},
		} {
			target := pool.Target{Network: "tcp", Address: address, ConnectTimeout: test.connect, Timeout: test.rest}
			if got := checked(c, target); got.Code != test.want {
				problem += fmt.Sprintf("%v, %v: %s %s\n", test.connect, test.rest, got.Code, got.Info)
			}
		}
		return problem
	})
}

// Plain connections end with a reset, TLS connections with a close_notify.
func TestPlainEndsWithResetTLSWithCloseNotify(t *testing.T) {
	s := secureServer(t, leaf())
	for name, test := range map[string]struct {
		config string
		tls    bool
		want   error
	}{
		"tcp":        {`{}`, false, syscall.ECONNRESET},
		"ssl_hello":  {`{}`, true, syscall.ECONNRESET},
		"tls":        {`{"verify": "none"}`, true, nil},
		"http":       {`{"tls": {"verify": "none"}}`, true, nil},
		"tcp_script": {`{"steps": [{"connect": {"tls": {"verify": "none"}}}, {"connect": {"tls": {"verify": "none"}}}]}`, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ends := make(chan error, 2)
			address := serve(t, func(c *net.TCPConn) {
				if !test.tls {
					time.Sleep(soon / 2)
					_, err := c.Read(make([]byte, 1))
					ends <- err
					return
				}
				if name == "ssl_hello" {
					line := make([]byte, 4096)
					c.Read(line)
					c.Write(line[:5])
					_, err := io.ReadFull(c, line)
					ends <- err
					return
				}
				secure := s.wrap(c)
				if name == "http" {
					secure.Read(make([]byte, 4096))
					io.WriteString(secure, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
				}
				// Data still on its way, such as session tickets, must not be answered by a reset, after which
				// the server's writes fail.
				secure.Handshake()
				time.Sleep(soon / 4)
				io.WriteString(secure, "late")
				_, err := io.Copy(io.Discard, secure)
				time.Sleep(soon / 2)
				if err == nil {
					_, err = c.Write([]byte("x"))
				}
				ends <- err
			})
			c := provisioned(t, name, test.config)
			// closeTimeout may be too short for a server process that is not scheduled in time.
			retryWithLongerUnits(t, func(time.Duration) string {
				if got := checked(c, to(address)); !got.Code.OK() {
					t.Fatalf("got %s %q", got.Code, got.Info)
				}
				if err := <-ends; !errors.Is(err, test.want) {
					return fmt.Sprintf("the server sees %v, want %v", err, test.want)
				}
				return ""
			})
		})
	}
}

// A server that ignores the close_notify delays the check only briefly, and gets no reset either.
func TestOrderlyCloseIsBounded(t *testing.T) {
	t.Parallel()
	s := secureServer(t, leaf())
	ends := make(chan error, 1)
	address := serve(t, func(c *net.TCPConn) {
		s.wrap(c).Handshake()
		silent(c)
		time.Sleep(5 * soon)
		_, err := c.Write([]byte("x")) // fails after a reset
		ends <- err
		time.Sleep(5 * soon)
	})
	c := provisioned(t, "tls", `{"verify": "none"}`)
	retryWithLongerUnits(t, func(time.Duration) string {
		began := time.Now()
		expectResult(t, checked(c, to(address)), pool.Layer6OK, "")
		took := time.Since(began)
		if err := <-ends; took > 5*soon || err != nil {
			return fmt.Sprintf("took %v, and the server sees %v", took, err)
		}
		return ""
	})
}

func TestConcurrentChecks(t *testing.T) {
	s := secureServer(t, leaf())
	address := serve(t, func(c *net.TCPConn) {
		secure := s.wrap(c)
		line(secure)
		io.WriteString(secure, "HTTP/1.1 200 OK\r\n\r\npong")
	})
	checkers := []pool.Checker{
		provisioned(t, "tls", `{"verify": "none"}`),
		provisioned(t, "ssl_hello", `{}`),
		provisioned(t, "http", `{"tls": {"verify": "none"}, "body": "x", "headers": {"a": "b"}, "body_contains": "pong"}`),
		provisioned(t, "tcp_script", `{"steps": [{"connect": {"tls": {"verify": "none"}}}, {"send": "a\n"}, {"expect": {"string": "pong"}}]}`),
	}
	var all sync.WaitGroup
	for _, c := range checkers {
		for range 8 {
			all.Go(func() {
				if got := checked(c, to(address)); !got.Code.OK() {
					t.Errorf("%T: %s %s", c, got.Code, got.Info)
				}
			})
		}
	}
	all.Wait()
}

// No descriptor leaks, however a check ends.
func TestNoDescriptorLeaks(t *testing.T) {
	count := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(open)
	}
	addresses := []string{programs.Address(t), serve(t, closes), serve(t, resets), serve(t, silent), serve(t, says("nonsense\n"))}
	all := allCheckers(t)
	all["two connections"] = provisioned(t, "tcp_script", `{"steps": [{"connect": {}}, {"connect": {}}, {"connect": {}}]}`)
	before := count()
	for _, address := range addresses {
		for _, c := range all {
			checked(c, targetWithTimeout(soon, address))
		}
	}
	for _, c := range all { // sending the header times out
		expectResult(t, checked(c, pool.Target{Network: "tcp", Address: addresses[1], ConnectTimeout: ample, Timeout: 1, SendProxy: 2}), pool.Layer4Timeout, "*")
	}
	// The server closes its descriptors after ours.
	for over := time.Now().Add(ample); time.Now().Before(over); time.Sleep(soon / 10) {
		if count() <= before {
			return
		}
	}
	t.Errorf("%d descriptors are open, and before there were %d", count(), before)
}

func TestShortReason(t *testing.T) {
	for _, test := range []struct {
		err  error
		code pool.Code
		info string
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, pool.Layer4Connection, "connection refused"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}, pool.SocketError, "too many open files"},
		{syscall.ENFILE, pool.SocketError, "too many open files in system"},
		{syscall.EADDRNOTAVAIL, pool.SocketError, "cannot assign requested address"},
		{syscall.ENOBUFS, pool.SocketError, "no buffer space available"},
		{syscall.ENOMEM, pool.SocketError, "cannot allocate memory"},
		{syscall.EHOSTUNREACH, pool.Layer4Connection, "no route to host"},
		{&resolve.Error{Host: "web.example", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, pool.Layer4Connection, "resolving web.example: no such host (DNS)"},
		{&resolve.Error{Host: "web.example", Err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}}, pool.DNSError, "resolving web.example: no answer in time (DNS)"},
		{&resolve.Error{Host: "web.example", Err: &net.DNSError{Err: "server misbehaving", Server: "192.0.2.53:53"}}, pool.DNSError, "resolving web.example: server misbehaving (DNS); asked 192.0.2.53:53"},
		{&net.OpError{Op: "dial", Err: errors.New("mismatched local address type")}, pool.Layer4Connection, "mismatched local address type"},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, pool.Layer4Connection, "server says: handshake failure"},
		{fmt.Errorf("x: %w", os.ErrDeadlineExceeded), pool.Layer4Timeout, ""},
		{io.EOF, pool.Layer4Connection, "closed by the server"},
		{io.ErrUnexpectedEOF, pool.Layer4Connection, "closed by the server"},
		{errors.New("tls: odd"), pool.Layer4Connection, "odd"},
	} {
		expectResult(t, layer4.classify(context.Background(), test.err).Result, test.code, test.info)
	}
}

func TestQuoted(t *testing.T) {
	for _, test := range []struct{ text, quoted, plain string }{
		{"", "nothing", ""},
		{"a\r\n\x80é", `"a\r\n\x80\u00e9"`, "a???é"},
		{strings.Repeat("x", 60), `"` + strings.Repeat("x", 60) + `"`, strings.Repeat("x", 60)},
		{strings.Repeat("x", 61), `"` + strings.Repeat("x", 60) + `"…`, strings.Repeat("x", 61)},
		{strings.Repeat("x", 200), `"` + strings.Repeat("x", 60) + `"…`, strings.Repeat("x", 200)},
		{strings.Repeat("x", 199) + "é", `"` + strings.Repeat("x", 60) + `"…`, strings.Repeat("x", 199) + "…"},
	} {
		if got := quoted([]byte(test.text)); got != test.quoted {
			t.Errorf("%q is quoted %s", test.text, got)
		}
		if got := printable(test.text); got != test.plain {
			t.Errorf("%q is told as %s", test.text, got)
		}
	}
}

// A connection that the kernel established in time is not a timeout, however late the check notices
// it: a connect to this host completes during the call of connect.
func TestConnectMadeInTimeCountsWhenNoticedLate(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the other systems' connects are package net's")
	}
	address, nobody := serve(t, silent), programs.Address(t)
	atOnce := func(address string, code pool.Code, info string) {
		t.Helper()
		problem := ""
		for range 50 { // a busy kernel may complete it later, in a kernel thread
			if problem = differs(checked(provisioned(t, "tcp", `{}`), targetWithTimeout(1, address)), code, info); problem == "" {
				return
			}
			time.Sleep(soon / 10)
		}
		t.Error(problem)
	}
	for range 20 {
		atOnce(address, pool.Layer4OK, "")
	}
	atOnce(nobody, pool.Layer4Connection, "connection refused")
	expectResult(t, checked(provisioned(t, "tcp", `{}`), targetWithTimeout(1, unanswered(t))), pool.Layer4Timeout, "")
}
