// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
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
	_ = conn.SetReadDeadline(time.Now().Add(5 * patience)) // the program may have to be built first
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

// lineTimes are the parts of a line that differ between two runs: the client's port, dates, the
// process, and timers that were reached.
var lineTimes = regexp.MustCompile(`\w{3} [ \d]\d \d\d:\d\d:\d\d|\[\d+\]|127\.0\.0\.1:\d+|\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]| -?\d+/-?\d+/\d+ `)

// masked returns the line without its times.
func masked(line string) string {
	return lineTimes.ReplaceAllStringFunc(line, func(found string) string {
		return regexp.MustCompile(`-?\d+`).ReplaceAllStringFunc(found, func(n string) string {
			if n == "-1" {
				return n
			}
			return "N"
		})
	})
}

// TestHAProxysLine sends the same clients through HAProxy and through this program, both of which
// log to a socket by syslog, and compares the lines.
func TestHAProxysLine(t *testing.T) {
	t.Parallel()
	program := programs.Need(t, "haproxy")
	server, dead := listen(t, greetAndEcho), programs.Refusing(t).String()
	fe, at := freeAddress(t), freeAddress(t)
	log, logAt := listenUDP(t), listenUDP(t)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	config := fmt.Sprintf(`global
	log %s local0
defaults
	mode tcp
	log global
	option tcplog
	retries 1
	timeout connect 1s
	timeout client 5s
	timeout server 5s
frontend tls
	bind %s
	tcp-request inspect-delay 5s
	tcp-request content reject if { req.ssl_sni bad.example.test }
	tcp-request content accept if { req.ssl_hello_type 1 }
	use_backend dead if { req.ssl_sni dead.example.test }
	default_backend web
backend web
	server s1 %s
backend dead
	server d1 %s
`, log.LocalAddr(), fe, server, dead)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	startHAProxy(t, program, file)
	start(t, fmt.Sprintf(`passthrough {
	frontend tls {
		bind %s
		reject sni bad.example.test
		use_backend dead sni dead.example.test
		default_backend web
	}
	backend web {
		server s1 %s
	}
	backend dead {
		retries 1
		server d1 %s
	}
}`, at, server, dead)+sessionsTo("syslog "+logAt.LocalAddr().String()+" {\n tag haproxy\n }\n format tcplog {\n priority\n }"), "")
	awaitListener(t, fe)
	receives := func(conn *net.UDPConn) string {
		b := make([]byte, 2048)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	receives(log) // of awaitListener
	for _, name := range []string{"www", "dead", "bad"} {
		var lines []string
		for address, from := range map[string]*net.UDPConn{fe: log, at: logAt} {
			c := dial(t, address)
			if _, err := c.Write(hellotest.Hello(t, name+".example.test")); err != nil {
				t.Fatal(err)
			}
			if name == "www" {
				read(t, c, make([]byte, 2))
			} else {
				_, _ = io.Copy(io.Discard, c)
			}
			_ = c.Close()
			lines = append(lines, receives(from))
		}
		if masked(lines[0]) != masked(lines[1]) || masked(lines[0]) == lines[0] {
			t.Errorf("the lines differ:\n%s%s", lines[0], lines[1])
		}
	}
}
