// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a checker that follows a script, one letter per check: + passes, - fails, s is a
// shortage of the proxy, n asks for drain mode, . takes until the timeout. After the end it repeats
// the last letter.
type scripted struct {
	mu     sync.Mutex
	script string
	starts []time.Duration // since it was created
	began  time.Time
	now    atomic.Int32 // running checks
}

func script(s string) *scripted { return &scripted{script: s, began: time.Now()} }

func (c *scripted) Check(ctx context.Context, t Target) Result {
	if c.now.Add(1) > 1 {
		panic("two checks of one server at once")
	}
	defer c.now.Add(-1)
	c.mu.Lock()
	c.starts = append(c.starts, time.Since(c.began).Round(time.Millisecond))
	letter := c.script[min(len(c.starts), len(c.script))-1]
	c.mu.Unlock()
	switch letter {
	case '+':
		return Result{Code: Layer4OK}
	case '-':
		return Result{Code: Layer4Connection, Info: "connection refused"}
	case 's':
		return Result{Code: SocketError}
	case 'd':
		return Result{Code: DNSError}
	case 'n': // like HAProxy's disable-on-404
		if t.Subject.Down {
			return Result{Code: Layer7Status}
		}
		return Result{Code: Layer7Stopping}
	case '!':
		panic("oh")
	}
	select {
	case <-ctx.Done():
		return Result{Code: Layer4Timeout, Info: ctx.Err().Error()}
	case <-time.After(t.Timeout):
		return Result{Code: Layer4Timeout}
	}
}

// seen returns the start times of the checks so far.
func (c *scripted) seen() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.starts)
}

func checked(c Checker) *Check {
	return &Check{Checker: c, Target: Target{Timeout: time.Second}, Interval: time.Second, Rise: 2, Fall: 3}
}

// told collects events in short form.
type told struct {
	mu    sync.Mutex
	lines []string
}

var whats = map[EventKind]string{
	ServerDown: "down", ServerUp: "up", MaintStarted: "maint", MaintEnded: "maint over", DrainStarted: "drain", DrainEnded: "drain over",
	NoUsableServer: "no server", UsableServerAgain: "server again",
}

func (n *told) note(e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.Kind < CheckChanged {
		n.lines = append(n.lines, strings.TrimSpace(fmt.Sprintf("%s %s %d+%d", e.Server, whats[e.Kind], e.Active, e.Backups)))
	}
}

// since returns the events since the last call.
func (n *told) since() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := strings.Join(n.lines, ", ")
	n.lines = nil
	return lines
}

// serving opens a pool and activates it.
func serving(t *testing.T, reg *Registry, servers ...ServerConfig) (*Pool, *told) {
	t.Helper()
	n := new(told)
	for i := range servers {
		servers[i].Weight = 1
	}
	p, err := reg.Open(Config{Backend: "b", Policy: new(inOrder), Servers: servers, Notify: n.note, Redispatch: true})
	if err != nil {
		t.Fatal(err)
	}
	p.Activate()
	return p, n
}

// counters returns the state of a server's checks now and after each further second.
func counters(reg *Registry, server string, seconds int) string {
	var seen []string
	for range seconds {
		time.Sleep(time.Millisecond)
		synctest.Wait()
		status, _ := reg.Backend("b")
		for _, s := range status.Servers {
			if s.Name == server {
				word := "up"
				if s.Down {
					word = "down"
				}
				seen = append(seen, fmt.Sprintf("%s%d/%d", word, s.Counter, s.Of))
			}
		}
		time.Sleep(time.Second - time.Millisecond)
	}
	return strings.Join(seen, " ")
}
