// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

const sessionConfig = `
global
    stats socket "${socket}" level admin
    log "${log}" local0
defaults
    mode tcp
    log global
    option tcplog
    option abortonclose
    timeout connect 2s
    timeout queue 30s
    timeout client 30s
    timeout server 30s
frontend f
    bind "${f}" name one
    tcp-request inspect-delay 30s
    tcp-request content accept if { req.ssl_hello_type 1 }
    tcp-request content reject if { req.len gt 0 }
    default_backend b
backend b
    server s1 "${s1}" maxconn 1
`

// logLines collects the lines that programs send to a socket. Its address goes into a
// configuration.
func logLines(t *testing.T) (address string, lines func() []string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	received := make(chan string, 1000)
	go func() {
		defer close(received)
		for b := make([]byte, 64<<10); ; {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			received <- string(b[:n])
		}
	}()
	var all []string
	return conn.LocalAddr().String(), func() []string {
		for {
			select {
			case line := <-received:
				all = append(all, line)
			default:
				return all
			}
		}
	}
}

// holding starts a server that sends each client a byte, and keeps the connection until the client
// leaves.
func holding(t *testing.T) string {
	t.Helper()
	return programs.Listen(t, patience, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("x"))
		_, _ = io.Copy(io.Discard, c)
	})
}

// connect connects to a frontend and sends something.
func (p *program) connect(t *testing.T, frontend string, send []byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.at[frontend])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(send); err != nil {
		t.Fatal(err)
	}
	return c
}

var field = regexp.MustCompile(`(\w+)=(\S+)`)

// sessions returns the fields of the sessions of frontend f that show sess lists, by the client's
// address.
func (p *program) sessions(t *testing.T, words string) map[string]map[string]string {
	t.Helper()
	all := make(map[string]map[string]string)
	for line := range strings.Lines(p.ask(t, "show sess"+words)) {
		id, rest, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		s := map[string]string{"id": id}
		for _, f := range field.FindAllStringSubmatch(rest, -1) {
			s[f[1]] = f[2]
		}
		if s["fe"] == "f" {
			all[s["src"]] = s
		}
	}
	return all
}

// threeStages connects a client that stays silent, one that is served and one that has to queue.
func (p *program) threeStages(t *testing.T, hello []byte) (clients []net.Conn) {
	t.Helper()
	served := p.connect(t, "f", hello)
	if _, err := io.ReadFull(served, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	queued, silent := p.connect(t, "f", hello), p.connect(t, "f", nil)
	until(t, p.name+": a client queues", func() bool { return p.sessions(t, "")[queued.LocalAddr().String()]["be"] == "b" })
	until(t, p.name+": a client waits", func() bool { return p.sessions(t, "")[silent.LocalAddr().String()]["be"] == "<NONE>" })
	return []net.Conn{served, queued, silent}
}

// shownFields are the fields of show sess that have a meaning in both programs. src is compared
// with the client's own address; ages differ.
var shownFields = []string{"proto", "fe", "be", "srv"}

// Sessions are shown with the same fields, and end in the same way.
func TestSessions(t *testing.T) {
	t.Parallel()
	address, lines := logLines(t)
	r := newRig(t, sessionConfig, map[string]string{"s1": holding(t), "log": address}, "f")
	hello := hellotest.Hello(t, "a.example.test")
	results := make(map[string]string)
	for p := range r.both {
		var b strings.Builder
		clients := p.threeStages(t, hello)
		shown := p.sessions(t, "")
		for i, c := range clients {
			s := shown[c.LocalAddr().String()]
			fmt.Fprintf(&b, "client %d:", i)
			for _, name := range shownFields {
				fmt.Fprintf(&b, " %s=%s", name, s[name])
			}
			detail := p.ask(t, "show sess "+s["id"])
			fmt.Fprintln(&b, strings.HasPrefix(detail, s["id"]+": ["), strings.Contains(detail, " source="+c.LocalAddr().String()+"\n"))
		}
		// HAProxy ends a client that waits for rules or for a server only once it no longer does.
		_ = clients[1].Close()
		_ = clients[2].Close()
		until(t, p.name+": two are gone", func() bool { return len(p.sessions(t, "")) == 1 })
		id := shown[clients[0].LocalAddr().String()]["id"]
		fmt.Fprintf(&b, "shutdown session: %q, %s\n", p.ask(t, "shutdown session "+id), rest(clients[0]))
		until(t, p.name+": it is gone", func() bool { return len(p.sessions(t, "")) == 0 })
		next := p.connect(t, "f", hello)
		_, _ = io.ReadFull(next, make([]byte, 1))
		fmt.Fprintf(&b, "shutdown sessions server: %q, %s\n", p.ask(t, "shutdown sessions server b/s1"), rest(next))
		ended := []net.Conn{clients[0], next}
		until(t, p.name+": both are logged", func() bool { return len(endsIn(lines(), ended)) == 2 })
		fmt.Fprintln(&b, "logged:", endsIn(lines(), ended))
		results[p.name] = b.String()
	}
	if diff := cmp.Diff(results["HAProxy"], results["ours"]); diff != "" {
		t.Errorf("HAProxy's and ours differ (-, +):\n%s", diff)
	}
}

// rest describes the rest of what a client gets.
func rest(c net.Conn) string {
	b, err := io.ReadAll(c)
	return fmt.Sprintf("%d more bytes, timeout %v", len(b), errors.Is(err, os.ErrDeadlineExceeded))
}

var termination = regexp.MustCompile(` (\w|-)[-\w] \d+/\d+/\d+/\d+/`)

// endsIn returns the first letters of the termination codes in the log lines of clients, sorted. In
// HAProxy, the second one of a session that was shut down is -.
func endsIn(lines []string, clients []net.Conn) (ends []string) {
	for _, line := range lines {
		for i, c := range clients {
			if code := termination.FindStringSubmatch(line); code != nil && strings.Contains(line, c.LocalAddr().String()) {
				ends = append(ends, fmt.Sprintf("%d:%s", i, code[1]))
			}
		}
	}
	slices.Sort(ends)
	return ends
}

// The errors of commands about sessions are the same.
func TestSessionErrors(t *testing.T) {
	t.Parallel()
	address, _ := logLines(t)
	r := newRig(t, sessionConfig, map[string]string{"s1": holding(t), "log": address}, "f")
	for _, line := range []string{
		"show sess 0x1", "shutdown session", "shutdown session 0x1", "shutdown session zz", "shutdown sessions", "shutdown sessions server", "shutdown sessions server b",
		"shutdown sessions server b/", "shutdown sessions server b/nope", "shutdown sessions server nope/s1", "shutdown sessions server b/s1",
		"operator;shutdown session 0x1", "operator;shutdown sessions server b/s1", "user;show sess", "user;show errors", "user;show events buf0",
		"show errors nope", "show events nope", "show events buf0 -x", "show events buf0 -n", "show resolvers nope",
	} {
		if want, got := r.haproxy.ask(t, line), r.ours.ask(t, line); want != got {
			t.Errorf("%s:\ngot  %q\nwant %q", line, got, want)
		}
	}
}

// A faulty request is shown by both programs: invalid HTTP in HAProxy, a faulty hello here.
func TestShowErrors(t *testing.T) {
	t.Parallel()
	address, _ := logLines(t)
	r := newRig(t, sessionConfig+`
frontend h
    mode http
    bind "${h}"
    use_backend b2
backend b2
    mode http
`, map[string]string{"s1": holding(t), "log": address}, "f", "h")
	const request = "GET / HT\x01TP/1.1\r\n\r\n"
	for p, of := range map[*program]string{r.haproxy: "h", r.ours: "f"} {
		c := p.connect(t, of, []byte(request))
		_, _ = io.Copy(io.Discard, c)
		answer := p.ask(t, "show errors "+of)
		var b strings.Builder
		for line := range strings.Lines(answer) {
			for _, begin := range []string{"Total events captured on [", " \n", "[", "  backend <NONE>", "  len ", "  \n", "  000"} {
				if strings.HasPrefix(line, begin) {
					b.WriteString(line)
				}
			}
		}
		want := regexp.MustCompile(`^Total events captured on \[[^]]+\] : 1\n \n\[[^]]+\] frontend ` + of + `.*: invalid request\n  backend <NONE>.*, server <NONE>.*, event #0, src ` +
			regexp.QuoteMeta(c.LocalAddr().String()) + `\n  len 19, .*error at position \d+:?\n  \n` + regexp.QuoteMeta(`  00000  GET / HT\x01TP/1.1\r\n`+"\n"+`  00017  \r\n`+"\n") + `$`)
		if !want.MatchString(b.String()) {
			t.Errorf("%s:\n%s", p.name, answer)
		}
		for _, line := range []string{"show errors " + of + " response", "show errors b"} {
			if got := p.ask(t, line); strings.Count(got, "\n") != 2 {
				t.Errorf("%s: %s: %s", p.name, line, got)
			}
		}
	}
}
