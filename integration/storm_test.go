// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// soaking is set by make soak: what is short in other runs is long then, runs without
// the race detector, and by itself.
var soaking = os.Getenv("SOAK") != ""

// storm is load that goes on while one configuration after the other is loaded. Each
// lacks one of the servers, but never the first.
type storm struct {
	address, second string // of listeners: the second is that of every other configuration
	names           []string
	origins         []string
	served          []atomic.Int64 // by each server, as it has seen that
	first           []byte
	more            string // options of the backend

	epoch  atomic.Int64 // 2i: configuration i serves; 2i+1: the next one is on its way
	over   atomic.Bool
	wg     sync.WaitGroup
	made   atomic.Int64 // connections that were answered
	extra  atomic.Int64 // those of them by the second listener
	failed chan error
}

func newStorm(t *testing.T) *storm {
	s := &storm{
		address: freeAddress(t), second: freeAddress(t), names: []string{"s0", "s1", "s2", "s3", "s4"},
		first: hellotest.Hello(t, "www.example.test"), failed: make(chan error, 1<<20),
	}
	s.served = make([]atomic.Int64, len(s.names))
	for i, name := range s.names {
		s.origins = append(s.origins, listen(t, func(c *net.TCPConn) {
			if skipHello(c) == nil {
				s.served[i].Add(1)
				fmt.Fprint(c, name) // and closes, so that no client runs out of ports
			}
		}))
	}
	return s
}

// missing is the server that configuration i lacks.
func (s *storm) missing(i int64) string { return s.names[1+int(i)%(len(s.names)-1)] }

// hasSecond reports whether configuration i has the second listener.
func (s *storm) hasSecond(i int64) bool { return i%2 == 1 }

// config is configuration i of ours: two have their frontends in layer4 servers, the next two
// in the app, and so on.
func (s *storm) config(i int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "passthrough {\n backend web {\n timeouts client %ds server %ds\n", 30+i%7, 40-i%5)
	for j, name := range s.names {
		if name != s.missing(i) {
			fmt.Fprintf(&b, " server %s %s weight %d\n", name, s.origins[j], 1+i%3)
		}
	}
	fmt.Fprintf(&b, "%s\n }\n}\n", s.more)
	for _, address := range s.addresses(i) {
		b.WriteString(frontendAt(i/2%2 == 1, address, "f"+address[strings.LastIndexByte(address, ':')+1:],
			fmt.Sprintf("inspect_delay %ds\n use_backend web sni r%d.test\n default_backend web", 3+i%5, i)))
	}
	return b.String()
}

// frontendAt is a frontend at an address, as options of a Caddyfile: of the app, or of a
// layer4 server. Both may be given several times.
func frontendAt(app bool, address, name, options string) string {
	if app {
		return fmt.Sprintf("passthrough {\n frontend %s {\n bind %s\n %s\n }\n}\n", name, address, options)
	}
	return fmt.Sprintf("layer4 {\n durable/%s {\n route {\n passthrough {\n name %s\n %s\n }\n }\n }\n}\n", address, name, options)
}

// stockConfig is the same for Caddy with caddy-l4 alone.
func (s *storm) stockConfig(i int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "layer4 {\n")
	for _, address := range s.addresses(i) {
		fmt.Fprintf(&b, " %s {\n route {\n proxy {\n", address)
		for j, name := range s.names {
			if name != s.missing(i) {
				fmt.Fprintf(&b, " upstream %s\n", s.origins[j])
			}
		}
		fmt.Fprintf(&b, " }\n }\n }\n")
	}
	return b.String() + "}\n"
}

func (s *storm) addresses(i int64) []string {
	if s.hasSecond(i) {
		return []string{s.address, s.second}
	}
	return []string{s.address}
}

// start starts clients that connect one time after the other until stop.
func (s *storm) start(clients int) {
	for range clients {
		s.wg.Go(func() {
			for !s.over.Load() {
				s.once()
			}
		})
	}
	s.wg.Go(func() {
		for ; !s.over.Load(); time.Sleep(time.Millisecond) {
			s.onceBySecond()
		}
	})
}

// stop ends the load.
func (s *storm) stop() {
	s.over.Store(true)
	s.wg.Wait()
}

// once makes one connection. Its server must be one of those configurations that may
// have served it.
func (s *storm) once() {
	before := s.epoch.Load()
	name, err := s.visit(s.address)
	after := s.epoch.Load()
	switch first, last := before/2, (after+1)/2; {
	case err != nil:
		s.failed <- err
	case first == last && name == s.missing(first):
		s.failed <- fmt.Errorf("served by %s, which configuration %d has removed", name, first)
	default:
		s.made.Add(1)
	}
}

// onceBySecond connects to the second listener. It must be there where all
// configurations that may have served have it.
func (s *storm) onceBySecond() {
	before := s.epoch.Load()
	if before%2 == 1 || !s.hasSecond(before/2) {
		return
	}
	_, err := s.visit(s.second)
	switch after := s.epoch.Load(); {
	case err == nil:
		s.made.Add(1)
		s.extra.Add(1)
	case before == after:
		s.failed <- fmt.Errorf("the added listener: %w", err)
	}
}

// visit is what a client does: it sends a hello and reads the name of its server.
func (s *storm) visit(address string) (name string, err error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(s.first); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	if err == nil && !slices.Contains(s.names, string(answer)) {
		err = fmt.Errorf("%w: the answer is %q", io.ErrUnexpectedEOF, answer)
	}
	return string(answer), err
}

// blow loads configurations from 1 on, each by load, until enough.
func (s *storm) blow(t *testing.T, pause time.Duration, load func(i int64) error, enough func(reloads int64) bool) (reloads int64) {
	for i := int64(1); !enough(reloads); i++ {
		s.epoch.Store(2*i - 1)
		if err := load(i); err != nil {
			t.Error(err)
			return reloads
		}
		s.epoch.Store(2 * i)
		reloads++
		time.Sleep(pause)
	}
	return reloads
}

// failures are counted by what they say, without addresses.
func (s *storm) failures() (n int, text string) {
	kinds := make(map[string]int)
	for n = len(s.failed); len(s.failed) > 0; {
		err := <-s.failed
		words := strings.Fields(err.Error())
		words = slices.DeleteFunc(words, func(w string) bool { return strings.Contains(w, "127.0.0.1") })
		kinds[strings.Join(words, " ")]++
	}
	return n, fmt.Sprint(kinds)
}
