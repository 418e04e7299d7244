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

// soaking is set by make soak: tests that are short otherwise run long, alone and without the race
// detector.
var soaking = os.Getenv("SOAK") != ""

// storm is load that goes on while configurations are loaded one after the other. Each lacks one of
// the servers, but never the first.
type storm struct {
	address, second string // of listeners; the second is in every other configuration
	names           []string
	origins         []string
	served          []atomic.Int64 // by each server, as counted there
	first           []byte
	more            string // options of the backend

	epoch  atomic.Int64 // 2i: configuration i serves; 2i+1: the next one is being loaded
	over   atomic.Bool
	wg     sync.WaitGroup
	made   atomic.Int64 // connections that were answered
	extra  atomic.Int64 // those at the second listener
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
				fmt.Fprint(c, name) // and close, so that no client runs out of ports
			}
		}))
	}
	return s
}

// missing returns the server that configuration i lacks.
func (s *storm) missing(i int64) string { return s.names[1+int(i)%(len(s.names)-1)] }

// hasSecond reports whether configuration i has the second listener.
func (s *storm) hasSecond(i int64) bool { return i%2 == 1 }

// config returns configuration i of ours: two have their frontends in layer4 servers, the next two
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

// frontendAt returns a frontend at an address, as Caddyfile options: of the app, or of a layer4
// server. Both may be given several times.
func frontendAt(app bool, address, name, options string) string {
	if app {
		return fmt.Sprintf("passthrough {\n frontend %s {\n bind %s\n %s\n }\n}\n", name, address, options)
	}
	return fmt.Sprintf("layer4 {\n durable/%s {\n route {\n passthrough {\n name %s\n %s\n }\n }\n }\n}\n", address, name, options)
}

// stockConfig returns the same for Caddy with caddy-l4 alone.
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

// start starts clients that connect repeatedly until stop.
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

// once makes one connection. Its server must belong to one of the configurations that may have
// served it.
func (s *storm) once() {
	before := s.epoch.Load()
	name, err := s.visit(s.address)
	after := s.epoch.Load()
	switch first, last := before/2, (after+1)/2; {
	case err != nil:
		s.failed <- err
	case first == last && name == s.missing(first):
		s.failed <- fmt.Errorf("served by %s, which configuration %d had removed", name, first)
	default:
		s.made.Add(1)
	}
}

// onceBySecond connects to the second listener. It must exist if all configurations that may have
// served have it.
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

// visit sends a hello and reads the name of the server.
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

// blow loads configurations from 1 on, each by load, until enough reports true.
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

// failures counts the failures by their messages, without addresses.
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
