// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// mixedFleet is one HAProxy and two processes of ours, which are peers and serve the same servers.
type mixedFleet struct {
	*testing.T
	haproxy, file, socket string
	running               *exec.Cmd
	ours                  *process
	options               string
	frontends             []string // of HAProxy, of ours with a haproxy.cfg, of ours with a Caddyfile
	servers               map[string]string
}

const fleetOfHAProxy = `global
    stats socket %[1]s level admin
    localpeer %[2]s
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
peers mesh
    bind %[3]s
    server %[2]s
    server %[4]s
    server %[5]s
listen web
    bind %[6]s
    stick-table type ip size 100k expire 1h peers mesh
    stick on src
    server s1 %[7]s
    server s2 %[8]s
    server s3 %[9]s
`

const fleetOfCaddyfile = `passthrough {
	peers mesh {
		local n2
		bind %s
		peer h %s
		peer n1 %s
	}
	frontend tls {
		bind %s
		default_backend web
	}
	backend web {
		stick {
			on src
			type ip
			expire 1h
			peers mesh
		}
		server s1 %s
		server s2 %s
		server s3 %s
	}
}`

func newMixedFleet(t *testing.T) *mixedFleet {
	t.Helper()
	f := &mixedFleet{T: t, haproxy: programs.Need(t, "haproxy"), servers: make(map[string]string)}
	dir, err := os.MkdirTemp("", "fleet-") // short enough for a Unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var s [3]any
	for i := range s {
		s[i] = programs.Listen(t, patience, func(c *net.TCPConn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = fmt.Fprintf(c, "s%d", i+1)
		})
		f.frontends = append(f.frontends, freeAddress(t))
	}
	h, n1, n2 := freeAddress(t), freeAddress(t), freeAddress(t)
	f.file, f.socket = filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "socket")
	text := fmt.Sprintf(fleetOfHAProxy, f.socket, "h", h, "n1 "+n1, "n2 "+n2, f.frontends[0], s[0], s[1], s[2])
	if err := os.WriteFile(f.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f.start()
	runHAProxyConfig(t, map[string]string{"haproxy.cfg": fmt.Sprintf(fleetOfHAProxy,
		filepath.Join(dir, "n1"), "n1", n1, "h "+h, "n2 "+n2, f.frontends[1], s[0], s[1], s[2])})
	f.options = fmt.Sprintf(fleetOfCaddyfile, n2, h, n1, f.frontends[2], s[0], s[1], s[2])
	f.ours = start(t, f.options, "")
	return f
}

// start starts HAProxy; one that runs ends, after it has passed its entries on.
func (f *mixedFleet) start() {
	f.Helper()
	args := []string{"-db", "-f", f.file}
	if f.running != nil {
		args = append(args, "-sf", strconv.Itoa(f.running.Process.Pid))
	}
	cmd := exec.Command(f.haproxy, args...)
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	f.running = cmd
	until(f.T, "HAProxy's socket", func() bool {
		return strings.Contains(f.ask("show info"), fmt.Sprintf("Pid: %d\n", cmd.Process.Pid))
	})
}

// ask sends a command to HAProxy; "": it does not answer.
func (f *mixedFleet) ask(command string) string {
	conn, err := net.Dial("unix", f.socket)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintln(conn, command)
	var answer bytes.Buffer
	_, _ = answer.ReadFrom(conn)
	return answer.String()
}

// visit connects from an address to one of the frontends, and returns the name of the server.
func (f *mixedFleet) visit(from string, frontend int) string {
	f.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", f.frontends[frontend])
	if err != nil {
		f.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(hellotest.Hello(f, "www.example.test"))
	b := make([]byte, 10)
	n, _ := c.Read(b)
	return string(b[:n])
}

// knows waits until HAProxy and ours have all clients.
func (f *mixedFleet) knows(clients int) {
	f.Helper()
	until(f.T, "HAProxy knows all clients", func() bool {
		return strings.Contains(f.ask("show table web"), fmt.Sprintf("used:%d\n", clients))
	})
	until(f.T, "ours knows all clients", func() bool { return strings.Count(f.ours.entries(f.T, "web"), "[]s") == clients })
}

// returns checks that each client meets its server at all frontends.
func (f *mixedFleet) returns(when string) {
	f.Helper()
	for from, want := range f.servers {
		for i, name := range []string{"HAProxy", "ours with its file", "ours with a Caddyfile"} {
			if got := f.visit(from, i); got != want {
				f.Errorf("%s: %s of %s meets %q, want %q", when, from, name, got, want)
			}
		}
	}
}

// A client that HAProxy or one of ours has sent to a server meets it at all of them, also after
// reloads and restarts.
func TestPeersKeepStickiness(t *testing.T) {
	t.Parallel()
	f := newMixedFleet(t)
	until(t, "all are connected", func() bool {
		_, text := f.ours.ask(t, "GET", "/passthrough/peers", "")
		return strings.Count(text, `"connected":true`) == 2 && strings.Count(f.ask("show peers"), "last_status=ESTA") == 2
	})
	const clients = 30
	for i := range clients {
		from := fmt.Sprintf("127.0.1.%d", i+1)
		f.servers[from] = f.visit(from, i%3)
	}
	f.knows(clients)
	f.returns("at first")
	if err := f.ours.reload(t, strings.Replace(f.options, "expire 1h", "expire 2h", 1), ""); err != nil {
		t.Fatal(err)
	}
	f.start()
	f.knows(clients)
	f.returns("after reloads")
	f.ours.stop(t)
	f.ours.over = true
	f.ours = start(t, f.options, "")
	_ = f.running.Process.Kill()
	_ = f.running.Wait()
	f.running = nil
	f.start()
	f.knows(clients)
	f.returns("after restarts")
}
