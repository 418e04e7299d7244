// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A herd is a number of simultaneous clients for servers with a number of slots each.
const (
	herdSize    = 2000
	herdSlots   = 50
	herdServers = 3
	herdServed  = herdServers * herdSlots // simultaneously
	herdDomain  = ".herd.test"
)

// herd records what a frontend's servers see of its clients, which are identified by server name.
type herd struct {
	process *process
	address string
	open    chan struct{}        // closed: servers start to answer
	hold    func() time.Duration // time that they take to answer

	servers [herdServers]struct{ now, most, served atomic.Int64 }
	mu      sync.Mutex
	order   []string // clients in order of their arrival at a server
}

func startHerd(t *testing.T, policy, timeout string, hold func() time.Duration) *herd {
	t.Helper()
	h := &herd{address: freeAddress(t), open: make(chan struct{}), hold: hold}
	servers := ""
	for i := range h.servers {
		servers += fmt.Sprintf("server s%d %s maxconn %d\n", i+1, listen(t, func(c *net.TCPConn) { h.serve(i, c) }), herdSlots)
	}
	h.process = start(t, fmt.Sprintf(`
	passthrough {
		backend web {
			balance %s
			timeouts queue %s
			%s
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					inspect_delay 60s
					default_backend web
				}
			}
		}
	}`, policy, timeout, servers, h.address), "")
	return h
}

// serve answers one byte. It uncounts the connection before that, as the proxy may give the slot
// away immediately afterwards.
func (h *herd) serve(i int, c *net.TCPConn) {
	s := &h.servers[i]
	now := s.now.Add(1)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); {
		most = s.most.Load()
	}
	hello, err := readRecord(c)
	if end := bytes.Index(hello, []byte(herdDomain)); err == nil && end >= 4 {
		h.mu.Lock()
		h.order = append(h.order, string(hello[end-4:end+len(herdDomain)]))
		h.mu.Unlock()
		<-h.open
		time.Sleep(h.hold())
	}
	s.now.Add(-1)
	s.served.Add(1)
	_, _ = c.Write([]byte("x"))
}

// come connects all clients, and then sends their hellos at once. The returned function counts the
// answers.
func (h *herd) come(t *testing.T) (answers func() map[string]int) {
	t.Helper()
	var connected, done sync.WaitGroup
	connected.Add(herdSize)
	got := make(chan string, herdSize)
	for i := range herdSize {
		hello := hellotest.Plain(hellotest.SNI(fmt.Sprintf("%04d%s", i, herdDomain))).Raw()
		done.Go(func() {
			c, err := net.DialTimeout("tcp", h.address, patience)
			connected.Done()
			if err != nil {
				got <- err.Error()
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(2 * patience))
			connected.Wait()
			_, err = c.Write(hello)
			answer, readErr := io.ReadAll(c)
			if err = errors.Join(err, readErr); err != nil {
				answer = []byte(err.Error())
			}
			got <- string(answer)
		})
	}
	return func() map[string]int {
		done.Wait()
		close(got)
		counts := make(map[string]int)
		for answer := range got {
			counts[answer]++
		}
		return counts
	}
}

// lines returns the session lines, one for each client.
func (h *herd) lines(t *testing.T) []queuedLine {
	t.Helper()
	h.process.sessions(t, herdSize)
	lines := h.process.queuedLines(t)
	names := make(map[string]bool)
	for _, l := range lines {
		names[l.SNI] = true
	}
	if len(lines) != herdSize || len(names) != herdSize {
		t.Fatalf("%d lines of %d clients, want %d", len(lines), len(names), herdSize)
	}
	return lines
}

// limits checks that no server ever had too many connections, that each was full, and how many they
// had in total.
func (h *herd) limits(t *testing.T, served int) {
	t.Helper()
	sum := 0
	for i := range h.servers {
		s := &h.servers[i]
		t.Logf("s%d: %d served, at most %d at a time", i+1, s.served.Load(), s.most.Load())
		if most := s.most.Load(); most > herdSlots || most < herdSlots/2 {
			t.Errorf("s%d had %d at a time, want up to %d", i+1, most, herdSlots)
		}
		sum += int(s.served.Load())
	}
	if sum != served {
		t.Errorf("the servers served %d, want %d", sum, served)
	}
}

// A herd is served completely, first come, first served, and never beyond the servers' maxconn at a
// time.
func TestHerd(t *testing.T) {
	for _, policy := range []string{"leastconn", "roundrobin"} {
		t.Run(policy, func(t *testing.T) {
			t.Run("patient", func(t *testing.T) { patientHerd(t, policy) })
			t.Run("impatient", func(t *testing.T) { impatientHerd(t, policy) })
		})
	}
}

func patientHerd(t *testing.T, policy string) {
	h := startHerd(t, policy, "60s", func() time.Duration { return time.Duration(20+rand.IntN(41)) * time.Millisecond })
	answers := h.come(t)
	h.process.waiting(t, herdSize-herdServed)
	close(h.open)
	if got := answers(); got["x"] != herdSize {
		t.Errorf("answers: %v", got)
	}
	var waited []queuedLine
	longest := 0.0
	for _, l := range h.lines(t) {
		if l.End != "complete" || l.Termination != "--" || l.ServerQueue != 0 || l.Server == "" || (l.BackendQueue == 0) != (l.QueueTime == 0) {
			t.Errorf("log line %+v", l)
		}
		if l.BackendQueue != 0 {
			waited = append(waited, l)
		}
		longest = max(longest, l.QueueTime)
	}
	h.limits(t, herdSize)
	h.positions(t, waited)
	t.Logf("%d waited, up to %.2fs", len(waited), longest)
}

// positions checks the queue positions of the clients that waited. All of them arrived before any
// was served from the queue, so each position is used once. A client on the way to a server may be
// overtaken, but only clients that hold a slot can be on the way.
func (h *herd) positions(t *testing.T, waited []queuedLine) {
	t.Helper()
	if len(waited) != herdSize-herdServed {
		t.Errorf("%d waited, want %d", len(waited), herdSize-herdServed)
	}
	places, taken, sum := make(map[string]int), make(map[int]bool), 0
	for _, l := range waited {
		if taken[l.BackendQueue] || l.BackendQueue > len(waited) {
			t.Errorf("queue position %d of %d is a duplicate or out of range", l.BackendQueue, len(waited))
		}
		places[l.SNI], taken[l.BackendQueue] = l.BackendQueue, true
		sum += l.BackendQueue
	}
	rank, furthest := 0, 0
	for _, name := range h.order {
		if places[name] == 0 {
			continue
		}
		rank++
		furthest = max(furthest, places[name]-rank)
	}
	t.Logf("sum of positions %d; at the servers the largest overtaking was by %d", sum, furthest)
	if furthest >= herdServed {
		t.Errorf("a client was served %d positions too early", furthest)
	}
}

// Clients whose time in the queue is over get an alert then, whatever else goes on.
func impatientHerd(t *testing.T, policy string) {
	const timeout, late = 0.3, 10
	h := startHerd(t, policy, "300ms", func() time.Duration { return 200 * time.Millisecond })
	close(h.open)
	answers := h.come(t)()
	served, over, longest := 0, 0, 0.0
	for _, l := range h.lines(t) {
		switch {
		case l.End == "complete" && l.Termination == "--" && l.Server != "" && (l.BackendQueue == 0) == (l.QueueTime == 0):
			served++
		case l.End == "queue_timeout" && l.Termination == "sQ" && l.Server == "" && l.BackendQueue > 0 && l.QueueTime >= timeout && l.QueueTime <= timeout+late:
			over++
			longest = max(longest, l.QueueTime)
		default:
			t.Errorf("log line %+v", l)
		}
	}
	t.Logf("%d served, %d timed out, after %.3fs at most", served, over, longest)
	if served == 0 || over == 0 || served+over != herdSize {
		t.Errorf("%d served, %d timed out: want some of each, %d in all", served, over, herdSize)
	}
	// On a busy machine the alert may not be sent by the time of the reset.
	if alerts := answers["\x15\x03\x01\x00\x02\x02\x50"]; answers["x"] != served || alerts == 0 || alerts+answers[""] != over {
		t.Errorf("answers: %v", answers)
	}
	h.limits(t, served)
}

// queuedLine is a session line with its fields about queues.
type queuedLine struct {
	logLine
	QueueTime    float64 `json:"queue_time"`
	ServerQueue  int     `json:"server_queue"`
	BackendQueue int     `json:"backend_queue"`
}

// String returns how the session ended, at which server, and its queue positions.
func (l *queuedLine) String() string {
	return fmt.Sprintf("%s %s %s %q %d/%d", l.End, l.Termination, l.EndedBy, l.Server, l.ServerQueue, l.BackendQueue)
}

// queuedLines returns all session lines so far.
func (p *process) queuedLines(t *testing.T) (found []queuedLine) {
	t.Helper()
	for text := range strings.Lines(p.log()) {
		var l queuedLine
		if json.Unmarshal([]byte(text), &l) == nil && l.Msg == "session" {
			found = append(found, l)
		}
	}
	return found
}

// ended waits for the line of a client.
func (p *process) ended(t *testing.T, c *net.TCPConn) *queuedLine {
	t.Helper()
	client := c.LocalAddr().String()
	p.await(t, "session line of "+client, func(lines []logLine) bool {
		return slices.ContainsFunc(lines, func(l logLine) bool { return l.Msg == "session" && l.Client == client })
	})
	lines := p.queuedLines(t)
	return &lines[slices.IndexFunc(lines, func(l queuedLine) bool { return l.Client == client })]
}

var goroutinesOf = regexp.MustCompile(`(?m)^(\d+) @`)

// waiting waits until n connections wait for a server. No client can see that; but each is a
// goroutine.
func (p *process) waiting(t *testing.T, n int) {
	t.Helper()
	var now int
	for over := time.Now().Add(patience); time.Now().Before(over); time.Sleep(20 * time.Millisecond) {
		_, stacks := p.ask(t, http.MethodGet, "/debug/pprof/goroutine?debug=1", "")
		now = 0
		for stack := range strings.SplitSeq(stacks, "\n\n") {
			if !strings.Contains(stack, "modules/pool.(*backend).wait") {
				continue
			}
			count, err := strconv.Atoi(goroutinesOf.FindStringSubmatch(stack)[1])
			if err != nil {
				t.Fatal(err)
			}
			now += count
		}
		if now == n {
			return
		}
	}
	t.Fatalf("%d connections wait for a server, want %d:\n%s", now, n, p.log())
}
