// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// startServers runs a frontend with an anonymous backend of the given addresses as s1, s2 ...
func startServers(t *testing.T, options string, addresses ...string) (p *process, address string) {
	t.Helper()
	address = freeAddress(t)
	servers := ""
	for i, a := range addresses {
		servers += fmt.Sprintf("server s%d %s\n", i+1, a)
	}
	p = start(t, fmt.Sprintf("layer4 {\n durable/%s {\n route {\n passthrough {\n%s%s\n }\n }\n }\n}", address, servers, options), "")
	return p, address
}

// greet is a server that answers a hello with "hi" and closes.
func greet(c *net.TCPConn) {
	if skipHello(c) == nil {
		fmt.Fprint(c, "hi")
	}
}

// A client does not notice a server that refuses connections.
func TestRetryOnAnotherServer(t *testing.T) {
	p, address := startServers(t, "", freeAddress(t), listen(t, greet), freeAddress(t))
	for i := range 3 {
		c := say(t, address, "")
		if got := read(t, c, make([]byte, 2)); got != "hi" {
			t.Errorf("got %q", got)
		}
		c.Close()
		p.sessions(t, i+1)
	}
	retries, fastest := 0, math.Inf(1)
	for _, l := range p.sessions(t, 3) {
		if l.Retries > 0 {
			retries, fastest = retries+l.Retries, min(fastest, l.Connect)
		}
		if l.Server != "s2" || l.Termination != "--" || l.Redispatched != (l.Retries > 0) {
			t.Errorf("log line %+v", l)
		}
	}
	if retries == 0 {
		t.Error("no connection met a dead server")
	} else if fastest > 0.9 { // the machine may be busy, but not each time
		t.Errorf("the fastest retry took %vs: it waits for the pause", fastest)
	}
}

// With all servers down the client gets a TLS alert at once, and the log lists the attempts.
func TestAllServersDown(t *testing.T) {
	for _, c := range []struct{ on, want string }{
		{"", "\x15\x03\x01\x00\x02\x02\x50"},
		{"on no_server close", ""},
	} {
		p, address := startServers(t, "retries 1\n"+c.on, freeAddress(t), freeAddress(t))
		answer, _, err := stimulus{say: hellotest.Hello(t, "www.example.test")}.play(t, address)
		if err != nil || string(answer) != c.want {
			t.Errorf("%q: the client got %q (%v), want %q", c.on, answer, err, c.want)
		}
		l := p.sessions(t, 1)[0]
		if l.Termination != "SC" || l.End != "connect_failed" || l.EndedBy != "server" || l.Retries != 1 || !l.Redispatched ||
			l.Server != "s2" || l.Backend != "default" || !strings.Contains(l.Error, "refused") || l.Outcome != "hello" {
			t.Errorf("%q: log line %+v", c.on, l)
		}
	}
}

// A connection without a retry left in the budget ends as after its last retry, and the log says
// why.
func TestRetryBudgetUsedUp(t *testing.T) {
	p, address := startServers(t, "retry_budget 100 0", freeAddress(t), freeAddress(t), freeAddress(t))
	answer, _, err := stimulus{say: hellotest.Hello(t, "www.example.test")}.play(t, address)
	if err != nil || string(answer) != "\x15\x03\x01\x00\x02\x02\x50" {
		t.Errorf("the client got %q (%v)", answer, err)
	}
	l := p.sessions(t, 1)[0]
	if l.Termination != "SC" || l.End != "connect_failed" || l.EndedBy != "server" || l.Retries != 1 ||
		!strings.HasSuffix(l.Error, "connection refused; not retried: the retry budget of the backend is used up") {
		t.Errorf("log line %+v", l)
	}
}

// Another backend can replace one whose servers are all down.
func TestAllServersDownUsesAnotherBackend(t *testing.T) {
	address := freeAddress(t)
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend dead {
			server s1 %s
			retries 0
		}
		backend spare {
			server s1 %s
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					use_backend dead sni www.example.test
					default_backend spare
					on no_server default
				}
			}
		}
	}`, freeAddress(t), listen(t, greet), address), "")
	c := say(t, address, "")
	if got := read(t, c, make([]byte, 2)); got != "hi" {
		t.Errorf("got %q", got)
	}
	c.Close()
	if l := p.sessions(t, 1)[0]; l.Backend != "spare" || l.Termination != "--" {
		t.Errorf("log line %+v", l)
	}
}

// Without redispatch the same server is tried again after a pause: one that returns in time is
// reached, and the other gets nothing.
func TestRetryOnTheSameServer(t *testing.T) {
	late := freeAddress(t)
	p, address := startServers(t, "redispatch off", late, listen(t, func(*net.TCPConn) { t.Error("the other server was used") }))
	c := say(t, address, "")
	var s1 struct {
		ConnectsFailed int `json:"connects_failed"`
	}
	for over := time.Now().Add(patience); s1.ConnectsFailed == 0; time.Sleep(time.Millisecond) {
		_, text := p.ask(t, http.MethodGet, "/passthrough/backends/default/servers/s1", "")
		if err := json.Unmarshal([]byte(text), &s1); err != nil || time.Now().After(over) {
			t.Fatalf("no connect failed: %s", text)
		}
	}
	ln, err := net.Listen("tcp", late)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go accept(ln, greet)
	if got := read(t, c, make([]byte, 2)); got != "hi" {
		t.Errorf("got %q", got)
	}
	c.Close()
	// On a busy machine the server may return only after the first retry.
	if l := p.sessions(t, 1)[0]; l.Server != "s1" || l.Retries < 1 || l.Redispatched || l.Connect < float64(l.Retries) {
		t.Errorf("log line %+v", l)
	}
}
