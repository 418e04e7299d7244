// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/goleak"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestMain(m *testing.M) {
	programs.AtOnce(8)
	programs.VerifyNoLeaks(m, goleak.IgnoreAnyFunction("github.com/caddy-passthrough/caddy-passthrough/modules/relay.(*shard).run"))
}

// soon is the timeout of a check that gets no answer, unless retryWithLongerUnits sets a longer
// one; ample is the timeout of a check that gets one.
const (
	soon  = 200 * time.Millisecond
	ample = time.Minute
)

// retryWithLongerUnits runs try, which takes a few units of time, with longer and longer units
// until it reports no problem: on a busy machine a process may not run for longer than the first
// units.
func retryWithLongerUnits(t testing.TB, try func(unit time.Duration) (problem string)) {
	t.Helper()
	problem := ""
	for unit := soon; unit < 3*time.Second; unit *= 3 {
		if problem = try(unit); problem == "" {
			return
		}
	}
	t.Error(problem)
}

// serve runs a server that handles each connection by f and then closes it.
func serve(t testing.TB, f func(c *net.TCPConn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, func(c net.Conn) { f(c.(*net.TCPConn)) })
	return l.Addr().String()
}

func serveOn(t testing.TB, l net.Listener, f func(c net.Conn)) {
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(2 * ample))
				f(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
}

// Behaviors of servers.
func silent(c *net.TCPConn) { io.Copy(io.Discard, c) }
func closes(*net.TCPConn)   {}
func resets(c *net.TCPConn) { c.SetLinger(0) }

// says returns a server that sends texts with a pause between them.
func says(texts ...string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		for i, text := range texts {
			if i > 0 {
				time.Sleep(20 * time.Millisecond)
			}
			io.WriteString(c, text)
		}
		silent(c)
	}
}

// saysAndCloses is like says, but the server then closes the connection.
func saysAndCloses(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		io.WriteString(c, text)
		c.CloseWrite()
		silent(c)
	}
}

// afterFirst returns a server that calls f once data has arrived.
func afterFirst(f func(*net.TCPConn)) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		c.Read(make([]byte, 4096))
		f(c)
	}
}

// unanswered returns an address where connects get no answer: its accept queue is full.
func unanswered(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}).String()
	d := new(net.Dialer) // the queue has room for one, even on a busy machine
	for range 5 {
		c, err := d.Dial("tcp", address)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
		d.Timeout = 5 * soon
	}
	t.Skip("this system answers connects that no queue has room for")
	return ""
}

func to(address string) pool.Target {
	return pool.Target{Network: "tcp", Address: address, Timeout: ample}
}

// targetWithTimeout returns a target with a shorter timeout.
func targetWithTimeout(timeout time.Duration, address string) pool.Target {
	return pool.Target{Network: "tcp", Address: address, Timeout: timeout}
}

// provisioned loads a checker from JSON as the balancer does.
func provisioned(t testing.TB, name, config string) pool.Checker {
	t.Helper()
	c, err := load(name, config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func load(name, config string) (pool.Checker, error) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	c, err := ctx.LoadModuleByID("passthrough.checks."+name, json.RawMessage(config))
	if err != nil {
		return nil, err
	}
	return c.(pool.Checker), nil
}

// fromCaddyfile returns the JSON of a checker whose options stand in a block.
func fromCaddyfile(name, block string) (string, error) {
	info, err := caddy.GetModule("passthrough.checks." + name)
	if err != nil {
		return "", err
	}
	c := info.New()
	d := caddyfile.NewTestDispenser("check {\n" + block + "\n}")
	d.Next()
	if err := c.(interface{ CheckOptions() options.Table }).CheckOptions().ParseBlock(d); err != nil {
		return "", err
	}
	text, err := json.Marshal(c)
	return string(text), err
}

// expectResult compares a result. The info "*" matches any text.
func expectResult(t testing.TB, got pool.Result, code pool.Code, info string) {
	t.Helper()
	if problem := differs(got, code, info); problem != "" {
		t.Error(problem)
	}
}

func differs(got pool.Result, code pool.Code, info string) (problem string) {
	if got.Code == code && (info == "*" || got.Info == info) {
		return ""
	}
	return fmt.Sprintf("got %s %q, want %s %q", string(got.Code), got.Info, string(code), info)
}

// expectCheck checks an address and compares the result. It is for results that depend on timing:
// timeouts, and servers that send parts, which a busy machine may deliver at once.
func expectCheck(t testing.TB, c pool.Checker, address string, code pool.Code, info string) {
	t.Helper()
	timesOut := code == pool.Layer4Timeout || code == pool.Layer6Timeout || code == pool.Layer7Timeout || code == pool.ProcessTimeout
	retryWithLongerUnits(t, func(unit time.Duration) string {
		if !timesOut {
			unit = ample
		}
		return differs(checked(c, targetWithTimeout(unit, address)), code, info)
	})
}

// checked returns the result of one check.
func checked(c pool.Checker, target pool.Target) pool.Result {
	return c.Check(context.Background(), target)
}

func line(c net.Conn) string {
	text, _ := bufio.NewReader(c).ReadString('\n')
	return text
}

// pemFile writes a file of certificates and returns its path.
func pemFile(t testing.TB, text []byte) string {
	t.Helper()
	path := t.TempDir() + "/file.pem"
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contains(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want … %s …", err, want)
	}
}

// need returns the path of a program. Without it the test is skipped, or in CI fails.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return path
}
