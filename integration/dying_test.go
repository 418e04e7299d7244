// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// stoppableServer is a server that can be stopped, and answers and counts checks at another
// address.
type stoppableServer struct {
	address, checks string
	listener        net.Listener
	dead            atomic.Bool
	asked           atomic.Int64 // since it died
}

func newStoppableServer(t *testing.T) *stoppableServer {
	t.Helper()
	ln, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	m := &stoppableServer{address: ln.Addr().String(), listener: ln}
	go accept(ln, func(c *net.TCPConn) {
		_, _ = readRecord(c)
		fmt.Fprint(c, "x")
	})
	m.checks = listen(t, func(c *net.TCPConn) {
		if m.dead.Load() {
			m.asked.Add(1)
			return
		}
		fmt.Fprint(c, "fine")
	})
	return m
}

func (m *stoppableServer) die() {
	m.dead.Store(true)
	_ = m.listener.Close()
}

// While a server dies under load, no client fails. With observe, at most error_limit connections
// need a retry, besides those in progress; without it the checks notice, after fall failures.
func TestServerDiesUnderLoad(t *testing.T) {
	const limit = 10
	for name, c := range map[string]struct {
		clients        int
		options, check string
		most           int // retries
	}{
		"observed, one client":     {1, "observe layer4 on_error mark_down", "interval 60s\n fall 1", limit},
		"observed, eight clients":  {8, "observe layer4 on_error mark_down", "interval 60s\n fall 1", limit + 7},
		"observed, by fail_check":  {1, "observe layer4", "interval 60s\n fall 1", limit},
		"not observed, by checks":  {8, "", "interval 300ms\n timeout 10s\n down_interval 60s\n fall 3", -1},
		"not observed, at the top": {8, "init_state fully_up", "interval 300ms\n timeout 10s\n down_interval 60s\n fall 4", -1},
	} {
		t.Run(name, func(t *testing.T) {
			dying, other := newStoppableServer(t), newStoppableServer(t)
			address := freeAddress(t)
			config := ""
			for i, m := range []*stoppableServer{dying, other} {
				config += fmt.Sprintf("server s%d %s %s {\n check tcp_script {\n %s\n port %s\n expect string fine\n }\n}\n", i+1, m.address, c.options, c.check, portOf(t, m.checks))
			}
			p := start(t, fmt.Sprintf("passthrough {\n backend web {\n%s}\n}\nlayer4 {\n durable/%s {\n route {\n passthrough {\n default_backend web\n }\n}\n}\n}", config, address), "")
			p.becomes(t, "s1", func(s *serverState) bool { return s.LastCheck.Code != "" && s.Health == "up" })
			var (
				over   = make(chan struct{})
				asks   atomic.Int64 // clients
				failed atomic.Int64
				wg     sync.WaitGroup
			)
			for range c.clients {
				wg.Go(func() {
					for {
						select {
						case <-over:
							return
						default:
						}
						asks.Add(1)
						if !served(address) {
							failed.Add(1)
						}
					}
				})
			}
			time.Sleep(300 * time.Millisecond)
			dying.die()
			p.becomes(t, "s1", func(s *serverState) bool { return s.Health == "down" })
			asked := dying.asked.Load()
			time.Sleep(200 * time.Millisecond)
			close(over)
			wg.Wait()
			retried, died := 0, int64(0)
			lines := p.sessions(t, int(asks.Load()))
			for _, l := range lines {
				retried += min(l.Retries, 1)
				if l.End == "server_reset" && l.Server == "s1" { // its kernel had accepted them
					died++
				}
			}
			t.Logf("%d connections, %d of them retried, %d lost with the server; %d checks failed", len(lines), retried, died, asked)
			if failed.Load() > died || retried == 0 || c.most >= 0 && retried > c.most {
				t.Errorf("%d clients failed, %d were retried, want at most %d and 1 to %d", failed.Load(), retried, died, c.most)
			}
			if fall := c.check[len(c.check)-1] - '0'; c.most < 0 && asked != int64(fall) {
				t.Errorf("%d checks failed before the server was down, want %d", asked, fall)
			}
		})
	}
}

// served reports whether a client of a frontend gets an answer.
func served(address string) bool {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(hellotest.Plain(hellotest.SNI("web.test")).Raw()); err != nil {
		return false
	}
	answer, err := io.ReadAll(c)
	return err == nil && string(answer) == "x"
}

// observe first_byte detects a server that accepts connections and breaks them; observe layer4 does
// not.
func TestServerBreaksConnections(t *testing.T) {
	address := freeAddress(t)
	broken := listen(t, func(c *net.TCPConn) {
		if _, err := readRecord(c); err == nil {
			_ = c.SetLinger(0)
		}
	})
	for observe, want := range map[string]string{"first_byte": "down", "layer4": "up"} {
		t.Run(observe, func(t *testing.T) {
			p := start(t, fmt.Sprintf(`
	passthrough {
		backend web {
			server s1 %s observe %s error_limit 4 on_error mark_down
			check tcp {
				interval 60s
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
	}`, broken, observe, address), "")
			p.becomes(t, "s1", func(s *serverState) bool { return s.LastCheck.Code == "L4OK" })
			for i := range 4 {
				if s := p.server(t, "s1"); s.Health != "up" {
					t.Errorf("%s: server is %v after %d errors", observe, &s, i)
				}
				if served(address) {
					t.Errorf("%s: a client is served", observe)
				}
				p.sessions(t, i+1)
			}
			if s := p.server(t, "s1"); s.Health != want {
				t.Errorf("%s: server is %v, want %s", observe, &s, want)
			}
		})
	}
}
