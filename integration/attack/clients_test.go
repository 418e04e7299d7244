// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// visit makes a legitimate connection: it sends a hello and reads the answer. from is the source
// address, or empty.
func (s *stage) visit(from string) error {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	if from == "" && s.settings.spread {
		n := s.visits.Add(1)
		from = fmt.Sprintf("127.%d.%d.%d", 100+n>>16, byte(n>>8), byte(n))
	}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := dialer.Dial("tcp", s.address)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write(s.hello); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if err == nil && string(answer) != "hi" {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// take reads n bytes from the server of a name.
func (s *stage) take(name string, n int64) error {
	c, err := net.DialTimeout("tcp", s.address, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(hellotest.Hello(s, name)); err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, c, n)
	return err
}

// service is the service that legitimate clients get.
type service struct {
	mu     sync.Mutex
	waits  []time.Duration // of the served ones
	failed map[string]int  // the others, by error
	took   time.Duration
}

// load runs clients that connect repeatedly, with a pause between, for some time.
func (s *stage) load(clients int, pause, d time.Duration) *service {
	return s.loadFrom("", clients, pause, d)
}

func (s *stage) loadFrom(from string, clients int, pause, d time.Duration) *service {
	got := &service{failed: make(map[string]int)}
	began := time.Now()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for time.Since(began) < d {
				at := time.Now()
				got.add(s.visit(from), at)
				time.Sleep(pause)
			}
		})
	}
	wg.Wait()
	got.took = time.Since(began)
	return got
}

func (g *service) add(err error, at time.Time) {
	wait := time.Since(at)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.waits = append(g.waits, wait)
		return
	}
	g.failed[reason(err)]++
}

// reason returns an error without addresses.
func reason(err error) string {
	var timeout net.Error
	var number syscall.Errno
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &number):
		return number.Error()
	default:
		words := slices.DeleteFunc(strings.Fields(err.Error()), func(w string) bool { return strings.Contains(w, "127.") })
		return strings.Join(words, " ")
	}
}

func (g *service) failures() (n int) {
	for _, of := range g.failed {
		n += of
	}
	return n
}

// rate returns the served percentage.
func (g *service) rate() float64 {
	if len(g.waits) == 0 {
		return 0
	}
	return 100 * float64(len(g.waits)) / float64(len(g.waits)+g.failures())
}

// p99 returns the 99th percentile of the waits of served clients, in milliseconds.
func (g *service) p99() float64 {
	if len(g.waits) == 0 {
		return 0
	}
	slices.Sort(g.waits)
	return float64(g.waits[len(g.waits)*99/100]) / 1e6
}

// perSecond returns the number of served connections per second.
func (g *service) perSecond() float64 { return float64(len(g.waits)) / g.took.Seconds() }

func (g *service) String() string {
	return fmt.Sprintf("%d served (p99 %.1f ms), %d not: %v", len(g.waits), g.p99(), g.failures(), g.failed)
}

// legit is the number of legitimate clients beside an attack, and legitPause the pause between
// their connections.
const legit, legitPause = 8, 5 * time.Millisecond

func legitTime() time.Duration { return time.Duration(scaled(3, 1)) * time.Second }

// calm measures legitimate clients before an attack.
func (s *stage) calm() *service { return s.load(legit, legitPause, legitTime()) }

// besides measures legitimate clients during an attack, and compares.
func (s *stage) besides(calm *service) *service {
	s.Helper()
	got := s.load(legit, legitPause, legitTime())
	s.Logf("%s: calm: %v; attacked: %v", s.proxy, calm, got)
	s.measured("legitimate clients served", "%.1f %%", got.rate())
	s.measured("their p99, of that without the attack", "%.1f", got.p99()/calm.p99())
	return got
}
