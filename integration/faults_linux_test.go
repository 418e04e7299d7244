// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// hang is the longest that a client may wait: all attempts to connect (retries and a pause), the
// server's silence, and slack for a busy machine.
const hang = 4*time.Second + time.Second + 3*time.Second + 10*time.Second

// siteClients are clients of a site over TLS. Each makes one connection after the other, and
// several requests on each.
type siteClients struct {
	address string
	tls     *tls.Config
	over    atomic.Bool
	wg      sync.WaitGroup

	mu      sync.Mutex
	made    int            // connections
	ends    map[string]int // number of connections by result
	longest time.Duration  // longest wait for an answer or an end
	after   int            // connections that began after the fault was detected, and failed
	known   atomic.Bool
}

func (c *siteClients) start(clients int) {
	c.ends = make(map[string]int)
	for range clients {
		c.wg.Go(func() {
			for !c.over.Load() {
				c.one()
			}
		})
	}
}

func (c *siteClients) stop() {
	c.over.Store(true)
	c.wg.Wait()
}

// one makes a connection with five requests.
func (c *siteClients) one() {
	conn, err := net.DialTimeout("tcp", c.address, hang)
	if err != nil {
		c.note("no connection", 0, false)
		return
	}
	known := c.known.Load()
	c.mu.Lock()
	c.made++
	c.mu.Unlock()
	defer conn.Close()
	over, began := tls.Client(conn, c.tls), time.Now()
	_ = conn.SetDeadline(began.Add(2 * hang))
	answers := bufio.NewReader(over)
	for range 5 {
		// After the handshake, the first time.
		fmt.Fprint(over, "GET /readyz HTTP/1.1\r\nHost: web.test\r\n\r\n")
		answer, err := http.ReadResponse(answers, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
		if err != nil {
			c.note("ended", time.Since(began), known)
			return
		}
		c.note("answered", time.Since(began), known)
		time.Sleep(20 * time.Millisecond)
		began = time.Now()
	}
}

func (c *siteClients) note(end string, waited time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends[end]++
	c.longest = max(c.longest, waited)
	if known && end != "answered" {
		c.after++
	}
}

// serverProcess is a server in its own process.
type serverProcess struct {
	address string
	cmd     *exec.Cmd
	start   func() *exec.Cmd
}

func (v *serverProcess) run(t *testing.T) {
	t.Helper()
	v.cmd = v.start()
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd := v.cmd
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.DialTimeout("tcp", v.address, time.Second); err == nil {
			c.Close()
			return
		}
		if time.Now().After(over) {
			t.Fatalf("nothing listens on %s", v.address)
		}
	}
}

func (v *serverProcess) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := v.cmd.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

// ip runs the program ip.
func ip(t *testing.T, args ...string) error {
	t.Helper()
	out, err := exec.Command(programs.Need(t, "ip"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %q: %w: %s", args, err, out)
	}
	return nil
}

// namespace creates a network namespace whose eth0 has one address, and returns that.
func namespace(t *testing.T) (name, host string) {
	t.Helper()
	id := os.Getpid() % 60000
	name, link, host := fmt.Sprintf("victim%d", id), fmt.Sprintf("vict%d", id), fmt.Sprintf("198.18.%d.%d", id/250, id%250+1)
	if err := ip(t, "netns", "add", name); err != nil {
		t.Skip("no privilege to create network namespaces: ", err)
	}
	t.Cleanup(func() {
		_ = ip(t, "link", "del", link)
		_ = ip(t, "netns", "del", name)
	})
	for _, args := range [][]string{
		{"link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name},
		{"addr", "add", "198.19.255.1/32", "peer", host, "dev", link},
		{"link", "set", link, "up"},
		{"-n", name, "addr", "add", host, "peer", "198.19.255.1", "dev", "eth0"},
		{"-n", name, "link", "set", "eth0", "up"},
		{"-n", name, "link", "set", "lo", "up"},
	} {
		if err := ip(t, args...); err != nil {
			t.Fatal(err)
		}
	}
	return name, host
}

// While a server is killed, stopped, unplugged or resets connections, every client soon gets an
// answer from another one, or an end; none hangs. Afterwards the server serves again, and the
// counts are back to zero.
func TestFaults(t *testing.T) {
	t.Parallel()
	nginx := programs.Need(t, "nginx")
	for name, prepare := range map[string]func(t *testing.T, v *serverProcess) (fault, heal func()){
		"killed": func(t *testing.T, v *serverProcess) (fault, heal func()) {
			return func() { v.signal(t, syscall.SIGKILL) }, func() { v.run(t) }
		},
		"stopped": func(t *testing.T, v *serverProcess) (fault, heal func()) {
			return func() { v.signal(t, syscall.SIGSTOP) }, func() { v.signal(t, syscall.SIGCONT) }
		},
		"unplugged": func(t *testing.T, v *serverProcess) (fault, heal func()) {
			inside, host := namespace(t)
			start := v.start
			_, port, _ := net.SplitHostPort(v.address)
			v.address = net.JoinHostPort(host, port)
			v.start = func() *exec.Cmd {
				cmd := start()
				cmd.Args = append([]string{"ip", "netns", "exec", inside}, cmd.Args...)
				cmd.Path = programs.Need(t, "ip")
				return cmd
			}
			set := func(how string) func() {
				return func() {
					if err := ip(t, "-n", inside, "link", "set", "eth0", how); err != nil {
						t.Error(err)
					}
				}
			}
			return set("down"), set("up")
		},
		"resetting": func(t *testing.T, v *serverProcess) (fault, heal func()) {
			var ln net.Listener
			return func() {
					v.signal(t, syscall.SIGKILL)
					_ = v.cmd.Wait()
					var err error
					if ln, err = net.Listen("tcp", v.address); err != nil {
						t.Fatal(err)
					}
					go accept(ln, func(c *net.TCPConn) { _ = c.SetLinger(0) })
				}, func() {
					ln.Close()
					v.run(t)
				}
		},
	} {
		t.Run(name, func(t *testing.T) { testFault(t, nginx, prepare) })
	}
}

func testFault(t *testing.T, nginx string, prepare func(*testing.T, *serverProcess) (fault, heal func())) {
	a := newAuthority(t)
	cert, key := a.issue(t, "web.test", 90)
	good := freeAddress(t)
	startNginx(t, good, cert, key)
	v := &serverProcess{address: freeAddress(t)}
	v.start = func() *exec.Cmd { return exec.Command(nginx, nginxArgs(t, v.address, cert, key)...) }
	fault, heal := prepare(t, v)
	v.run(t)
	address := freeAddress(t)
	lines := lineTally{ends: make(map[string]int64), by: make(map[string]int64)}
	p := &process{each: lines.add}
	p.start(t, fmt.Sprintf(`
	passthrough {
		backend web {
			server good %s
			server bad %s
			timeouts connect 1s server 3s client 20s
			check ssl_hello {
				interval 200ms
				timeout 2s
				fall 2
				rise 1
			}
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					default_backend web
				}
			}
		}
	}`, good, v.address, address), "")
	up := func(s *serverState) bool { return s.Health == "up" && s.LastCheck.Code != "" }
	p.becomes(t, "bad", up)

	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	c := &siteClients{address: address, tls: &tls.Config{ServerName: "web.test", RootCAs: roots}}
	c.start(12)
	time.Sleep(500 * time.Millisecond)
	fault()
	p.becomes(t, "bad", func(s *serverState) bool { return s.Health == "down" })
	c.known.Store(true)
	time.Sleep(1500 * time.Millisecond)
	c.known.Store(false)
	heal()
	p.becomes(t, "bad", up)
	before := p.server(t, "bad").SessionsTotal
	p.becomes(t, "bad", func(s *serverState) bool { return s.SessionsTotal > before })
	c.stop()

	got := lines.reaches(int64(c.made))
	t.Logf("%d connections, requests %v, the longest wait %v; ends %v", c.made, c.ends, c.longest.Round(time.Millisecond), lines.ends)
	if c.longest > hang {
		t.Errorf("a client waited for %v", c.longest)
	}
	if c.after > 0 || c.ends["answered"] == 0 || c.ends["no connection"] > 0 {
		t.Errorf("%d connections failed that began after the fault was detected", c.after)
	}
	if got != int64(c.made) {
		t.Errorf("%d lines", got)
	}
	for _, name := range []string{"good", "bad"} {
		if s := p.server(t, name); s.Sessions != 0 {
			t.Errorf("%s counts %d sessions", name, s.Sessions)
		}
	}
}
