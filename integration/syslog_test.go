// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sessionsTo returns the option that sends the lines of connections to a writer.
func sessionsTo(writer string) string {
	return "\nlog sessions {\n include layer4.handlers.passthrough passthrough.frontend\n output " + writer + "\n}"
}

// listenUDP returns a UDP socket.
func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return conn
}

// TestSyslog receives the line of a connection before a reload, after it, and at the end of the
// process.
func TestSyslog(t *testing.T) {
	t.Parallel()
	conn := listenUDP(t)
	e := &ending{address: freeAddress(t), origin: listen(t, greetAndEcho), maxconn: 10}
	options := e.config("grace_period 1s") + sessionsTo("syslog udp/"+conn.LocalAddr().String()+" {\n format rfc5424\n facility local2\n tag edge\n hostname here\n }")
	e.process = start(t, options, "")
	shape := regexp.MustCompile(`^<150>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d here edge \d+ - - \{"level":"info",.*"msg":"session",.*"end":"(complete|killed)",.*\}\n$`)
	receives := func(end string) {
		t.Helper()
		b := make([]byte, 65536)
		n, err := conn.Read(b)
		if m := shape.FindSubmatch(b[:n]); err != nil || m == nil || string(m[1]) != end {
			t.Errorf("%q, %v, want %s", b[:n], err, end)
		}
	}
	serves := func() {
		t.Helper()
		c := say(t, e.address, "")
		read(t, c, make([]byte, 2))
		c.Close()
		receives("complete")
	}
	serves()
	if err := e.reload(t, options+"\nlog other {\n include http\n}", ""); err != nil {
		t.Fatal(err)
	}
	serves()
	held := say(t, e.address, "")
	read(t, held, make([]byte, 2))
	e.signal(t, syscall.SIGTERM)
	receives("killed")
	e.ends(t, 0)
}

// TestSyslogOverTCP sends lines of Caddy's console encoder.
func TestSyslogOverTCP(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	target := listen(t, func(c *net.TCPConn) {
		text, _ := bufio.NewReader(c).ReadString('\n')
		got <- text
	})
	e := &ending{address: freeAddress(t), origin: listen(t, greetAndEcho), maxconn: 10}
	e.process = start(t, e.config("")+sessionsTo("syslog tcp/"+target+" {\n format short\n }\n format console"), "")
	c := say(t, e.address, "")
	read(t, c, make([]byte, 2))
	c.Close()
	if text := <-got; !strings.HasPrefix(text, "<6>20") || !strings.Contains(text, "INFO") || !strings.HasSuffix(text, "}\n") {
		t.Errorf("%q", text)
	}
}
