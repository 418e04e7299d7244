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
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// logTargets receives what a program logs to targets of all kinds.
type logTargets struct {
	udp    *net.UDPConn
	path   string // of a socket for datagrams
	stream net.Listener
	ring   net.Listener

	mu   sync.Mutex
	got  []string
	more chan struct{}
}

func listenLogTargets(t *testing.T) *logTargets {
	t.Helper()
	l := &logTargets{udp: listenUDP(t), more: make(chan struct{}, 1000), path: filepath.Join(t.TempDir(), "log")}
	gram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: l.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]net.Conn{"UDP": l.udp, "unixgram": gram} {
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			for b := make([]byte, 8<<10); ; {
				n, err := conn.Read(b)
				if err != nil {
					return
				}
				l.add(name + " " + string(b[:n]))
			}
		}()
	}
	for name, to := range map[string]*net.Listener{"stream": &l.stream, "ring": &l.ring} {
		if *to, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = (*to).Close() })
		go l.accept(*to, name)
	}
	return l
}

// accept reads messages from connections: lines, or with their length before them.
func (l *logTargets) accept(from net.Listener, name string) {
	for {
		conn, err := from.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for in := bufio.NewReader(conn); ; {
				var n int
				if _, err := fmt.Fscanf(in, "%d ", &n); name == "ring" && err == nil {
					text := make([]byte, n)
					_, _ = io.ReadFull(in, text)
					l.add(fmt.Sprint(name, " N ", string(text)))
					continue
				}
				text, err := in.ReadString('\n')
				if err != nil {
					return
				}
				l.add(name + " " + text)
			}
		}()
	}
}

func (l *logTargets) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, text)
	l.more <- struct{}{}
}

// config returns a configuration with targets of all kinds, and the number of messages that each
// connection causes.
func (l *logTargets) config(fe, server string) (text string, messages int) {
	lines := []string{
		"UDP local0", "UDP format rfc3164 local1", "UDP format rfc5424 local2", "UDP format priority local3", "UDP format short local4",
		"UDP format timed local4", "UDP format iso local4", "UDP format raw local4", "UDP len 90 local7", "UDP local5 info err",
		"unix@" + l.path + " local6", "tcp@" + l.stream.Addr().String() + " format raw local0", "ring@r local3", "ring@r local1",
	}
	messages = len(lines)
	lines = append(lines, "fd@99 local0", "/no/such/socket local0", "uxst@/no/such/socket local0", "UDP local0 notice", "ring@idle local0")
	return fmt.Sprintf(`global
	log %s
ring r
	format rfc5424
	maxlen 1200
	size 32764
	timeout connect 5s
	timeout server 10s
	server s1 %s log-proto octet-count
ring idle
	size 32764
defaults
	mode tcp
	log global
	log-tag edge
	option tcplog
	timeout connect 1s
	timeout client 5s
	timeout server 5s
frontend tls
	bind %s
	default_backend web
backend web
	server s1 %s
`, strings.ReplaceAll(strings.Join(lines, "\n\tlog "), "UDP", l.udp.LocalAddr().String()), l.ring.Addr(), fe, server), messages
}

// TestLogTargetsOfHAProxyConfig sends a client through HAProxy and through this program with the
// same configuration, and compares what targets of all kinds receive. Those that do not exist stop
// neither.
func TestLogTargetsOfHAProxyConfig(t *testing.T) {
	t.Parallel()
	program := programs.Need(t, "haproxy")
	server := listen(t, greetAndEcho)
	var got [2][]string
	for i := range got {
		fe, l := freeAddress(t), listenLogTargets(t)
		config, messages := l.config(fe, server)
		if i == 0 {
			file := filepath.Join(t.TempDir(), "haproxy.cfg")
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			startHAProxy(t, program, file)
		} else {
			runHAProxyConfig(t, map[string]string{"haproxy.cfg": config})
		}
		var c net.Conn
		until(t, fe+" is listened on", func() bool {
			var err error
			c, err = net.Dial("tcp", fe)
			return err == nil
		})
		_, _ = c.Write(hellotest.Hello(t, "www.example.test"))
		read(t, c, make([]byte, 2))
		c.Close()
		for range messages {
			<-l.more
		}
		got[i] = l.masked()
	}
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("-HAProxy +here\n%s", diff)
	}
}

// masked returns the messages without what differs from one run to the next. Of messages that were
// cut, it leaves the beginning of the header.
func (l *logTargets) masked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, text := range l.got {
		text = regexp.MustCompile(`(?s)(<190>.{20}).*`).ReplaceAllString(text, "$1")
		text = regexp.MustCompile(`[A-Z][a-z][a-z] [ \d]\d `).ReplaceAllString(text, "DATE ")
		l.got[i] = regexp.MustCompile(`([^<\d])\d+`).ReplaceAllString(text, "${1}N")
	}
	slices.Sort(l.got)
	return l.got
}
