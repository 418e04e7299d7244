// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// limitsTest is a process whose frontends have limits. Their server greets, and keeps connections.
type limitsTest struct {
	*process
	*testing.T
	addresses map[string]string // of the frontends
	server    string
}

// startLimited starts with lines of the app, and lines of its frontends by name.
func startLimited(t *testing.T, app string, frontends map[string]string) *limitsTest {
	t.Helper()
	l := &limitsTest{T: t, addresses: make(map[string]string)}
	for name := range frontends {
		l.addresses[name] = freeAddress(t)
	}
	l.server = serverOfLimits(t)
	l.process = start(t, l.config(app, frontends), "")
	return l
}

// serverOfLimits returns the address of a server that greets its clients.
func serverOfLimits(t *testing.T) string {
	return listen(t, func(c *net.TCPConn) {
		if skipHello(c) == nil {
			fmt.Fprint(c, "hi")
			_, _ = io.Copy(io.Discard, c)
		}
	})
}

func (l *limitsTest) config(app string, frontends map[string]string) string {
	text := "passthrough {\n" + app + "\n"
	for _, name := range slices.Sorted(maps.Keys(frontends)) {
		text += fmt.Sprintf("frontend %s {\nbind %s\n%s\ndefault_backend web\n}\n", name, l.addresses[name], frontends[name])
	}
	return text + "backend web {\nserver s1 " + l.server + "\n}\n}"
}

func (l *limitsTest) reconfigure(app string, frontends map[string]string) {
	l.Helper()
	if err := l.reload(l.T, l.config(app, frontends), ""); err != nil {
		l.Fatal(err)
	}
}

// limitsClient is a client of a frontend.
type limitsClient struct {
	net.Conn
	err error // a reset that came before it was read from; then there is no Conn
}

// connect returns a client with an address of 127.0.0.0/8 that has sent something.
func (l *limitsTest) connect(frontend, from string, sends ...[]byte) limitsClient {
	l.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", l.addresses[frontend])
	if errors.Is(err, syscall.ECONNRESET) {
		return limitsClient{err: err}
	}
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { c.Close() })
	for _, b := range sends {
		if _, err := c.Write(b); err != nil {
			return limitsClient{err: err}
		}
	}
	return limitsClient{Conn: c}
}

// visit returns a client that has sent a hello, and checks what it gets.
func (l *limitsTest) visit(frontend, from, want string) limitsClient {
	l.Helper()
	c := l.connect(frontend, from, hellotest.Hello(l, "www.example.test"))
	l.gets(c, want)
	return c
}

// gets checks what a client gets: served, reset, closed, alert NUMBER, or waits.
func (l *limitsTest) gets(c limitsClient, want string) {
	l.Helper()
	within := patience
	if want == "waits" {
		within = 50 * time.Millisecond
	}
	if got := c.answer(within); got != want {
		l.Fatalf("a client: %s, want %s:\n%s", got, want, l.log())
	}
}

// answer returns what a client gets within some time.
func (c limitsClient) answer(within time.Duration) string {
	answer, n, err := make([]byte, 7), 0, c.err
	if err == nil {
		_ = c.SetDeadline(time.Now().Add(within))
		n, err = io.ReadAtLeast(c, answer, 2)
	}
	switch {
	case string(answer[:n]) == "hi":
		return "served"
	case n == 7 && answer[0] == 21:
		return fmt.Sprint("alert ", answer[6])
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "waits"
	}
	return fmt.Sprintf("%q, %v", answer[:n], err)
}

// leaves closes a client and waits until n of its frontend's are left.
func (l *limitsTest) leaves(c limitsClient, frontend string, n int64) {
	l.Helper()
	c.Close()
	l.counts(frontend, func(f frontendCounts) bool { return f.Connections == n })
}

type frontendCounts struct {
	Connections      int64
	Ended, Refused   map[string]int64
	UnfinishedHellos int64 `json:"unfinished_hellos"`
}

// counts waits until a frontend's counts satisfy a condition, and returns them.
func (l *limitsTest) counts(frontend string, enough func(frontendCounts) bool) (f frontendCounts) {
	l.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var all map[string]frontendCounts
		_, text := l.ask(l.T, http.MethodGet, "/passthrough/frontends", "")
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			l.Fatalf("%v in %s", err, text)
		}
		if f = all[frontend]; enough(f) {
			return f
		}
		if time.Now().After(over) {
			l.Fatalf("%s: %+v", frontend, f)
		}
	}
}

// refused checks how many connections a frontend has refused for a reason, all of which have ended
// as over_limit, and that the log counts them, without a line for each.
func (l *limitsTest) refused(frontend, reason string, n int64) {
	l.Helper()
	l.counts(frontend, func(f frontendCounts) bool { return f.Refused[reason] == n && f.Ended["over_limit"] == n })
	l.await(l.T, fmt.Sprintf("line about %d refused connections", n), func([]logLine) bool {
		logged := int64(0)
		for line := range strings.Lines(l.raw.String()) { // await holds the lock
			var one struct {
				Level, Msg, Frontend, Reason string
				Connections                  int64
			}
			if json.Unmarshal([]byte(line), &one) == nil && one.Msg == "connections refused by limit" && one.Frontend == frontend && one.Reason == reason && one.Level == "warn" {
				logged += one.Connections
			}
		}
		return logged == n
	})
	for _, line := range l.sessions(l.T, 0) {
		if line.Frontend == frontend && line.End == "over_limit" {
			l.Errorf("%s: a refused connection has a line of its own: %+v", frontend, line)
		}
	}
}
