// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soak is mixed load on servers, one of which is faulty.
type soak struct {
	*storm
	over   atomic.Bool
	wg     sync.WaitGroup
	counts sync.Map // kind → *atomic.Int64
	wrong  chan error
	resets atomic.Int64 // by the faulty server
	faulty atomic.Pointer[net.TCPListener]
	breaks atomic.Bool // the faulty server resets connections
}

const bulk = 1 << 20

// answer serves a connection after the hello as the client requests.
func (s *soak) answer(name string, c *net.TCPConn) {
	if skipHello(c) != nil {
		return
	}
	if name == "s1" && s.breaks.Load() {
		s.resets.Add(1)
		_ = c.SetLinger(0)
		return
	}
	wish := make([]byte, 1)
	if _, err := io.ReadFull(c, wish); err != nil {
		return
	}
	switch wish[0] {
	case 'n':
		fmt.Fprint(c, name)
	case 'b':
		_, _ = c.Write(make([]byte, bulk))
	default:
		_, _ = io.Copy(c, c)
	}
}

// soakKinds are the kinds of clients. Each returns an error if its result cannot be explained.
var soakKinds = map[string]func(s *soak, c *net.TCPConn) error{
	"short": func(s *soak, c *net.TCPConn) error {
		_, _ = c.Write(append(bytes.Clone(s.first), 'n'))
		got, err := io.ReadAll(c)
		if err == nil && len(got) != 2 {
			err = io.ErrUnexpectedEOF
		}
		return err
	},
	"bulk": func(s *soak, c *net.TCPConn) error {
		_, _ = c.Write(append(bytes.Clone(s.first), 'b'))
		n, err := io.Copy(io.Discard, c)
		if err == nil && n != bulk {
			err = io.ErrUnexpectedEOF
		}
		return err
	},
	"upload, half-closed": func(s *soak, c *net.TCPConn) error {
		sent := bytes.Repeat([]byte("0123456789"), 20_000)
		go func() {
			_, _ = c.Write(append(append(bytes.Clone(s.first), 'e'), sent...))
			_ = c.CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err == nil && !bytes.Equal(got, sent) {
			err = io.ErrUnexpectedEOF
		}
		return err
	},
	"talk": func(s *soak, c *net.TCPConn) error {
		_, _ = c.Write(append(bytes.Clone(s.first), 'e'))
		beat := make([]byte, 1)
		for i := range 10 {
			_, _ = c.Write([]byte{byte(i)})
			if _, err := io.ReadFull(c, beat); err != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
		_ = c.CloseWrite()
		_, err := io.ReadAll(c)
		return err
	},
	"leaves in the hello": func(s *soak, c *net.TCPConn) error {
		_, _ = c.Write(s.first[:100])
		time.Sleep(5 * time.Millisecond)
		return nil
	},
	"no TLS": func(_ *soak, c *net.TCPConn) error {
		fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
		_, _ = io.ReadAll(c)
		return nil
	},
	"resets": func(s *soak, c *net.TCPConn) error {
		_, _ = c.Write(append(bytes.Clone(s.first), 'e', 'x'))
		_, _ = io.ReadFull(c, make([]byte, 1))
		_ = c.SetLinger(0)
		return nil
	},
}

func (s *soak) count(kind string) *atomic.Int64 {
	n, _ := s.counts.LoadOrStore(kind, new(atomic.Int64))
	return n.(*atomic.Int64)
}

// load runs clients of all kinds for some time.
func (s *soak) load(t *testing.T, p *process, d time.Duration, from int64) (reloads int64) {
	s.over.Store(false)
	for kind, visit := range soakKinds {
		for range 3 {
			s.wg.Go(func() {
				for !s.over.Load() {
					s.one(kind, visit)
				}
			})
		}
	}
	s.wg.Go(s.fail)
	for began := time.Now(); time.Since(began) < d; reloads++ {
		if err := p.reload(t, s.config(from+reloads), ""); err != nil {
			t.Error(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	s.over.Store(true)
	s.wg.Wait()
	return reloads
}

func (s *soak) one(kind string, visit func(*soak, *net.TCPConn) error) {
	conn, err := net.DialTimeout("tcp", s.address, patience)
	if err != nil {
		s.wrong <- fmt.Errorf("%s: %w", kind, err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	c := conn.(*net.TCPConn)
	s.count(kind).Add(1)
	if err := visit(s, c); err != nil {
		s.count("broken").Add(1)
		if strings.Contains(err.Error(), "timeout") {
			s.wrong <- fmt.Errorf("%s: %w", kind, err)
		}
	}
}

// fail makes the faulty server refuse, reset and serve, in turn.
func (s *soak) fail() {
	const turn = 300 * time.Millisecond
	for !s.over.Load() {
		time.Sleep(4 * turn)
		_ = s.faulty.Load().Close()
		time.Sleep(turn)
		s.revive()
		s.breaks.Store(true)
		time.Sleep(turn)
		s.breaks.Store(false)
	}
}

func (s *soak) revive() {
	ln, err := net.Listen("tcp", s.origins[1])
	if err != nil {
		s.wrong <- err
		return
	}
	s.faulty.Store(ln.(*net.TCPListener))
	go accept(ln, func(c *net.TCPConn) { s.answer("s1", c) })
}

// usage is the process's use of resources without clients.
type usage struct{ goroutines, descriptors, heap int }

func (p *process) usage(t *testing.T) (u usage) {
	t.Helper()
	for range 20 { // ended connections take a moment to go
		time.Sleep(100 * time.Millisecond)
	}
	_, text := p.ask(t, "GET", "/debug/pprof/heap?gc=1&debug=1", "")
	_, after, _ := strings.Cut(text, "# HeapAlloc = ")
	if _, err := fmt.Sscan(after, &u.heap); err != nil {
		t.Fatal(err)
	}
	u.goroutines, u.descriptors = p.goroutines(t), p.descriptors(t)
	return u
}

// Under mixed load with faults and reloads nothing grows, and every end can be explained.
func TestSoak(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	d := 5 * time.Second
	lines := lineTally{ends: make(map[string]int64), by: make(map[string]int64)}
	p := &process{each: func(l *logLine) {
		if l.Termination == "SD" && l.Server != "s1" {
			l.End += " of " + l.Server
		}
		lines.add(l)
	}}
	if soaking {
		p.of, d = &fast, 10*time.Minute
		if asked, err := time.ParseDuration(os.Getenv("SOAK")); err == nil {
			d = asked
		}
	}
	s := &soak{storm: newStorm(t), wrong: make(chan error, 1<<16)}
	s.more = "check tcp {\n interval 200ms\n timeout 5s\n fall 2\n rise 1\n }"
	for i, name := range s.names {
		s.origins[i] = listen(t, func(c *net.TCPConn) { s.answer(name, c) })
	}
	s.origins[1] = freeAddress(t)
	s.revive()
	t.Cleanup(func() { _ = s.faulty.Load().Close() })
	p.start(t, s.config(0), "")

	reloads := s.load(t, p, d/5, 1)
	before := p.usage(t)
	reloads += s.load(t, p, d-d/5, 1+reloads)
	after := p.usage(t)
	grown := func() bool {
		return after.goroutines > before.goroutines+5 || after.descriptors > before.descriptors+5 || after.heap > before.heap*5/4+1<<20
	}
	// On a busy machine it takes longer.
	for over := time.Now().Add(patience); grown() && time.Now().Before(over); {
		after = p.usage(t)
	}

	all := int64(0)
	for kind := range soakKinds {
		all += s.count(kind).Load()
		t.Logf("%8d %s", s.count(kind).Load(), kind)
	}
	got := lines.reaches(all)
	t.Logf("%8d in all, %d reloads, %d resets by the faulty server", all, reloads, s.resets.Load())
	t.Logf("ends: %v", lines.ends)
	t.Logf("idle: %+v after %v, %+v after %v", before, d/5, after, d)
	for len(s.wrong) > 0 {
		t.Error(<-s.wrong)
	}
	if got != all {
		t.Errorf("%d lines for %d connections", got, all)
	}
	s.explain(t, lines.ends)
	if grown() {
		t.Error("the process has grown")
	}
}

// explain checks that every end was caused by a client or the faulty server.
func (s *soak) explain(t *testing.T, ends map[string]int64) {
	most := map[string]int64{
		"CR client_left":  s.count("leaves in the hello").Load(),
		"PR refused":      s.count("no TLS").Load(),
		"CD client_reset": s.count("resets").Load(),
		// Those of other servers are separate. Beside its own resets there are those of the kernel, for
		// connections in the queue when the faulty server closes it.
		"SD server_reset": ends["SD server_reset"],
	}
	for end, n := range ends {
		if end != "-- complete" && n > most[end] {
			t.Errorf("%d sessions ended %s, of which %d can be explained", n, end, most[end])
		}
	}
	if ends["CR client_left"] != most["CR client_left"] || ends["PR refused"] != most["PR refused"] {
		t.Errorf("%d left before the end of the hello, %d sent no TLS", most["CR client_left"], most["PR refused"])
	}
	if broken := s.count("broken").Load(); broken > ends["SD server_reset"] {
		t.Errorf("%d clients were broken by %d resets of a server", broken, ends["SD server_reset"])
	}
}
