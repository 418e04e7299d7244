// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// talk sends text to a server's client, ends it, and returns the answers.
func talk(t *testing.T, s *server, text string) string {
	t.Helper()
	ours, theirs := net.Pipe()
	s.slots <- struct{}{}
	go s.handle(theirs)
	go func() {
		_, _ = io.WriteString(ours, text)
	}()
	answer, err := io.ReadAll(ours)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func testServer(l Level) *server {
	return newServer("unix@/test", l, 5*time.Second, 10, zap.NewNop())
}

// The answers are those of HAProxy 2.6.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const unknownEmpty = "Unknown command. Please enter one of the following commands only:"
	for _, test := range []struct{ send, want string }{
		{"show cli level\n", "admin\n\n"},
		{"show cli level\r\n", "admin\n\n"},
		{"  show \t cli level  x\n", "admin\n\n"},
		{"show cli level;operator;show cli level\n", "admin\n\n\noperator\n\n"},
		{"show cli level\noperator\nshow cli level\n", "admin\n\n\noperator\n\n"},
		{"operator;show cli level;user;show cli level;operator\n", "\noperator\n\n\nuser\n\nPermission denied\n\n"},
		{"user;show env\n", "\nPermission denied\n\n"},
		{"quit;show cli level\n", ""},
		{"show cli level;quit;show cli level\n", "admin\n\n"},
		{"prompt;show cli level;quit\n", "\n> admin\n\n> "},
		{"prompt\nshow cli level\nprompt\n", "\n> admin\n\n> \n"},
		{"set timeout cli\n", "Expects an integer value.\n\n"},
		{"set timeout cli 3\n", "\n"},
		{"set timeout cli 1h\n", "\n"},
		{"set timeout cli x\n", "Invalid timeout value.\n\n"},
		{"set timeout cli 0\n", "Invalid timeout value.\n\n"},
		{"set timeout foo 3\n", "'set timeout' only supports 'cli'.\n\n"},
		{"set severity-output x\n", "one of 'none', 'number', 'string' is a required argument\n\n"},
		{"set severity-output number;set timeout cli 0\n", "\n[3]: Invalid timeout value.\n\n"},
		{"set severity-output string;set timeout cli 0\n", "\n[err]: Invalid timeout value.\n\n"},
		{"show env NO_SUCH_VARIABLE\n", "Variable not found\n\n"},
		{"set\\ timeout cli 3\n", "Unknown command, but maybe"},
		{"\n", unknownEmpty},
		{"show cli level;\n", "admin\n\n" + unknownEmpty},
		{"help set timeout\n", "The following commands are valid at this level:\n" +
			"  set timeout [cli] <delay>               : change a timeout setting\n" + lastLines + "\n"},
		{"show cli\n", "Unknown command, but maybe one of the following ones is a better match:\n" +
			"  show cli level                          : display the level of the current CLI session\n" +
			"  show cli sockets                        : dump list of cli sockets\n" + lastLines + "\n"},
		{"set timeout <<\ncli\n\n", "'set timeout' only supports 'cli'.\n\n"},
		{"prompt;set timeout <<END\ncli\n\n\nEND\nquit\n", "\n> + + + + 'set timeout' only supports 'cli'.\n\n> "},
	} {
		got := talk(t, testServer(Admin), test.send)
		if got != test.want && (strings.HasSuffix(test.want, "\n") || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%q: got %q, want %q", test.send, got, test.want)
		}
	}
}

// A line that is too long, or a payload without an end, ends the connection.
func TestTooLong(t *testing.T) {
	t.Parallel()
	for _, send := range []string{
		strings.Repeat("x", maxLine+1) + "\n",
		"set timeout <<\n" + strings.Repeat(strings.Repeat("x", maxLine/2)+"\n", 2*maxPayload/maxLine+1),
	} {
		if got := talk(t, testServer(Admin), send); got != "" {
			t.Errorf("got %.80q, want nothing", got)
		}
	}
}

// An idle client is disconnected, and one that does not read its answer, too.
func TestTimeout(t *testing.T) {
	t.Parallel()
	s := testServer(Admin)
	s.timeout = 20 * time.Millisecond
	for _, send := range []string{"", "prompt\n", "show version"} {
		ours, theirs := net.Pipe()
		s.slots <- struct{}{}
		over := make(chan struct{})
		go func() {
			s.handle(theirs)
			close(over)
		}()
		_, _ = io.WriteString(ours, send)
		<-over
		_ = ours.Close()
	}
	if n := len(s.slots); n != 0 {
		t.Errorf("%d clients remain", n)
	}
}

// At most maxconn clients are served at a time; the next one waits.
func TestMaxConn(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer("", Admin, time.Minute, 1, zap.NewNop())
	done := make(chan struct{})
	go func() {
		s.run(l)
		close(done)
	}()
	first := dial(t, l)
	second := dial(t, l)
	for _, c := range []net.Conn{second, first} {
		if _, err := io.WriteString(c, "show cli level\n"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []net.Conn{first, second} {
		if got, err := io.ReadAll(c); err != nil || string(got) != "admin\n\n" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	close(s.stopped)
	_ = l.Close()
	<-done
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
