// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Where nothing is found the answers are those of HAProxy 2.6, unless it ignores an argument.
func TestSessionAnswers(t *testing.T) {
	t.Parallel()
	for send, want := range map[string]string{
		"show sess 0x1":                       "Session not found.\n\n",
		"show sess 1x":                        "Session not found.\n\n",
		"show sess all older 1d":              "\n",
		"show sess frontend none backend b":   "No such frontend.\n\n",
		"show sess backend none":              "No such backend.\n\n",
		"show sess frontend":                  "Missing frontend name.\n\n",
		"show sess server":                    "Missing server name (<backend>/<server>).\n\n",
		"show sess server none/s":             "No such backend.\n\n",
		"show sess help":                      sessionsUsage + "\n",
		"show sess server none":               "Require 'backend/server'.\n\n",
		"show sess older 1x":                  "Invalid age.\n\n",
		"show sess older":                     "Expects a minimum age (in seconds by default).\n\n",
		"show sess oldre 5m":                  "Unsupported option 'oldre', try 'help' for more info.\n\n",
		"shutdown session":                    "Session pointer expected (use 'show sess').\n\n",
		"shutdown session x":                  "Session pointer expected (use 'show sess').\n\n",
		"shutdown session 0x1":                "No such session (use 'show sess').\n\n",
		"shutdown sessions server b":          "Require 'backend/server'.\n\n",
		"shutdown sessions server b/":         "Require 'backend/server'.\n\n",
		"shutdown sessions server none/s1":    "No such backend.\n\n",
		"show errors none":                    "No such proxy.\n\n",
		"show events none":                    "No such event sink\n",
		"show events buf0 -x":                 "unknown option\n",
		"show resolvers none":                 "Can't find that resolvers section\n\n",
		"user;show events buf0":               "\nPermission denied\n\n",
		"user;show sess":                      "\nPermission denied\n\n",
		"operator;shutdown session 0x1":       "\nPermission denied\n\n",
		"user;show errors":                    "\nPermission denied\n\n",
		"operator;shutdown sessions server x": "\nPermission denied\n\n",
	} {
		if got := talk(t, testServer(Admin), send+"\n"); got != want {
			t.Errorf("%s: got %q, want %q", send, got, want)
		}
	}
	for send, begin := range map[string]string{
		"show errors":             "Total events captured on [",
		"show errors -1 response": "Total events captured on [",
		"show activity":           "thread_id: 1 (1..",
		"show events":             "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n    buf0 ",
		"show resolvers":          "Resolvers section default\n nameserver system:\n  sent:        ",
		"show resolvers clients":  "Resolvers section clients\n",
	} {
		if got := talk(t, testServer(Admin), send+"\n"); !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, "\n\n") {
			t.Errorf("%s: got %q, want %q", send, got, begin)
		}
	}
}

// printed returns what a command prints.
func printed(write func(*request)) string {
	var b bytes.Buffer
	r := &request{client: &client{out: bufio.NewWriter(&b)}}
	write(r)
	_ = r.out.Flush()
	return b.String()
}

// TestPrintSession shows connections in a line and in several.
func TestPrintSession(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 17, 39, 8, 374369000, time.UTC)
	addr := func(ip string) tcplog.Addr {
		return tcplog.AddrOf(&net.TCPAddr{IP: net.ParseIP(ip), Port: 443})
	}
	waits := control.Session{ID: 31, Frontend: "f", Client: addr("2001:db8::1"), Started: now.Add(-90 * time.Second)}
	served := control.Session{
		ID: 32, Frontend: "f", Listener: "one", Backend: "b", Server: "s1", Address: "10.0.0.1:443", Client: addr("192.0.2.1"), Local: addr("192.0.2.2"),
		Name: "a.example.test", Stage: 4, Started: now, Idle: time.Second, In: 517, Out: 1234,
	}
	for want, got := range map[string]string{
		"0x1f: proto=tcpv6 src=[2001:db8::1]:443 fe=f be=<NONE> srv=<none> age=1m30s stage=header in=0 out=0 idle=0s name=<none>\n":              printed(func(r *request) { printSession(r, &waits, now) }),
		"0x20: proto=tcpv4 src=192.0.2.1:443 fe=f be=b srv=s1 age=0s stage=session in=517 out=1234 idle=1s name=a.example.test\n":                printed(func(r *request) { printSession(r, &served, now) }),
		"0x20: [30/Nov/2026:17:39:08.374369] id=32 proto=tcpv4 source=192.0.2.1:443\n  frontend=f (mode=tcp), listener=one addr=192.0.2.2:443\n": printed(func(r *request) { printSessionDetails(r, &served, now) }),
	} {
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if all := printed(func(r *request) { printSessionDetails(r, &served, now) }); !strings.HasSuffix(all, "  req=(total=517) res=(total=1234)\n") {
		t.Errorf("got %q", all)
	}
}

// TestAge shows durations as HAProxy does.
func TestAge(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-1: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m1s", 2*time.Hour + 3*time.Minute: "2h3m", 49 * time.Hour: "2d1h",
	} {
		if got := age(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// TestPrintError dumps a faulty message.
func TestPrintError(t *testing.T) {
	t.Parallel()
	e := control.CapturedError{
		At: time.Date(2026, 11, 30, 17, 39, 9, 380000000, time.UTC), Frontend: "h", Event: 3, Client: tcplog.AddrOf(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 55062}),
		Reason: "not TLS", Position: 0, Size: 100, Bytes: append([]byte("GET \\\t\x01\x1b\r\n"), bytes.Repeat([]byte("x"), 70)...),
	}
	want := " \n[30/Nov/2026:17:39:09.380] frontend h: invalid request\n" +
		"  backend <NONE>, server <NONE>, event #3, src 127.0.0.1:55062\n" +
		"  not TLS\n  len 100, error at position 0:\n  \n" +
		`  00000  GET \\\t\x01\e\r\n` + "\n" +
		"  00010  " + strings.Repeat("x", 66) + "\n" +
		"  00076+ xxxx\n"
	if got := printed(func(r *request) { printError(r, &e) }); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	e.Backend, e.Server = "b", "s1"
	if got := printed(func(r *request) { printError(r, &e) }); !strings.Contains(got, "backend b: invalid response\n  frontend h, server s1, event #3") {
		t.Errorf("got %s", got)
	}
}

// TestShowEvents lists events, and follows them until a byte is sent.
func TestShowEvents(t *testing.T) {
	events.Process.Add(events.Event{Kind: events.ServerDown, Text: "Server b/s1 is DOWN."})
	events.Process.Add(events.Event{Kind: events.Changed, Text: "weight", By: "stats socket command"})
	got := talk(t, testServer(Admin), "show events buf0\n")
	if !strings.Contains(got, " server_down: Server b/s1 is DOWN.\n") || !strings.HasSuffix(got, " changed: weight by stats socket command\n\n") {
		t.Errorf("got %q", got)
	}
	if got := talk(t, testServer(Admin), "show events buf0 -n\n"); got != "\n" {
		t.Errorf("new ones: got %q", got)
	}
	ours, theirs := net.Pipe()
	s := testServer(Admin)
	s.slots <- struct{}{}
	go s.handle(theirs)
	_, _ = io.WriteString(ours, "show events buf0 -w -n\n")
	answers := bufio.NewReader(ours)
	follow := make(chan string)
	go func() {
		for line, err := answers.ReadString('\n'); err == nil; line, err = answers.ReadString('\n') {
			follow <- line
		}
		close(follow)
	}()
	for line := ""; !strings.Contains(line, "backend_up: again"); { // it may not follow yet
		events.Process.Add(events.Event{Kind: events.BackendUp, Text: "again"})
		select {
		case line = <-follow:
		case <-time.After(time.Millisecond):
		}
	}
	go func() { _, _ = io.WriteString(ours, "q") }()
	last := ""
	for line := range follow {
		last = line
	}
	if last != "\n" {
		t.Errorf("the last line is %q", last)
	}
}
