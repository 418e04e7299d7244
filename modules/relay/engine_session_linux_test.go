// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// descriptors returns the number of open descriptors of the process.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// usage is the resources that sessions must not leak.
type usage struct {
	descriptors, goroutines int
	heap                    uint64
	slots, timers           int
}

func use(t *testing.T) (u usage) {
	t.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.descriptors, u.goroutines, u.heap = descriptors(t), runtime.NumGoroutine(), m.HeapAlloc
	for _, sh := range *engineShards.shards.Load() {
		sh.mu.Lock()
		for _, w := range sh.slots {
			if _, own := w.(*endNotifier); w != nil && !own {
				u.slots++
			}
		}
		for i := range sh.wheel.timers {
			if sh.wheel.timers[i].level != 0 && int32(i) != sh.notifier.slot {
				u.timers++
			}
		}
		sh.mu.Unlock()
	}
	return u
}

// atRest returns the usage once ended sessions have gone: goroutines leave a moment later, and so
// do sessions that other tests left to the shards.
func atRest(t *testing.T) usage {
	t.Helper()
	last := use(t)
	for same, end := 0, time.Now().Add(listenPatience); same < 3; same++ {
		time.Sleep(50 * time.Millisecond)
		now := use(t)
		heap := now.heap
		if now.heap = last.heap; now != last && time.Now().Before(end) {
			same = 0
		}
		last, last.heap = now, heap
	}
	return last
}

// TestManySessions opens 5000 sessions, leaves them idle, passes something through each, and closes
// them. While idle, each has two descriptors and no goroutine; afterwards nothing is left. The
// sessions form chains, the server's side of one being the client's of the next, so that the test
// itself needs few descriptors.
func TestManySessions(t *testing.T) {
	if err := Prepare(); err != nil {
		t.Fatal(err)
	}
	listening, at := listenRaw(t)
	chains, links := 100, 50
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if most := int(limit.Cur) / 220; most < chains {
		chains, links = most, 100
		t.Logf("%d descriptors are allowed: %d sessions in place of 5000", limit.Cur, chains*links)
	}
	manySessions(t, chains, links, listening, at) // warms up the runtime and the shards
	// The runtime keeps a record of the most goroutines there ever were at a time, by chance more than
	// before. A leak grows the heap each time.
	var grown [3]int64
	for i := range grown {
		before := atRest(t)
		manySessions(t, chains, links, listening, at)
		after := atRest(t)
		if after.descriptors != before.descriptors || after.goroutines > before.goroutines || after.slots != before.slots || after.timers != before.timers {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if grown[i] = int64(after.heap) - int64(before.heap); grown[i] <= 1<<18 {
			return
		}
	}
	t.Errorf("the heap has grown by %d bytes", grown)
}

func manySessions(t *testing.T, chains, links, listening int, at netip.AddrPort) {
	t.Helper()
	clients, servers := make([]*Socket, chains), make([]*Socket, chains)
	var ends atomic.Int32
	o := &Options{ClientTimeout: time.Hour, ServerTimeout: time.Hour}
	before := atRest(t)
	for i := range chains {
		clients[i], servers[i] = chain(t, links, listening, at, o, counter{&ends})
	}
	idle := use(t)
	if got, want := idle.descriptors-before.descriptors, 2*chains*(links+1); got != want {
		t.Errorf("%d descriptors, want %d", got, want)
	}
	if got := idle.goroutines - before.goroutines; got > 0 {
		t.Errorf("%d goroutines", got)
	}
	t.Logf("%d sessions: %d bytes of heap each", chains*links, (idle.heap-before.heap)/uint64(chains*links))
	for i := range chains {
		send(t, clients[i], "x")
		receive(t, servers[i], "x")
	}
	for i := range chains {
		if i%2 == 0 {
			_ = clients[i].SetLinger(0)
		}
		clients[i].Close()
		servers[i].Close()
	}
	until(t, "all sessions have ended", func() bool { return int(ends.Load()) == chains*links })
}

// chain returns the far ends of a row of sessions.
func chain(t *testing.T, links, listening int, at netip.AddrPort, o *Options, w Owner) (client, server *Socket) {
	t.Helper()
	client, server = connectRaw(t, listening, at, DialOptions{}, nil)
	for range links {
		dialed, accepted := connectRaw(t, listening, at, DialOptions{}, nil)
		if new(Session).Start(server, dialed, nil, o, w) != nil {
			t.Fatal("it is copied")
		}
		server = accepted
	}
	return client, server
}

// counter is an owner that counts.
type counter struct{ ends *atomic.Int32 }

func (counter) Answered()      {}
func (c counter) Ended(Result) { c.ends.Add(1) }

// For a client that does not read, the proxy holds no more than a pipe of the server's bytes; and
// many such clients do not delay others.
func TestSlowReaders(t *testing.T) {
	const slow = 200
	listening, at := listenRaw(t)
	var ends atomic.Int32
	o := new(Options)
	var stop atomic.Bool
	var writers sync.WaitGroup
	var sessions []*Session
	for range slow {
		client, near := connectRaw(t, listening, at, DialOptions{}, nil)
		far, server := connectRaw(t, listening, at, DialOptions{}, nil)
		s := new(Session)
		if s.Start(near, far, nil, o, counter{&ends}) != nil {
			t.Fatal("it is copied")
		}
		sessions = append(sessions, s)
		t.Cleanup(func() { client.Close() })
		writers.Go(func() {
			defer server.Close()
			for b := make([]byte, 256<<10); !stop.Load(); {
				_ = server.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
				_, _ = server.Write(b)
			}
		})
	}
	// Wait until nothing moves.
	for last, same := int64(-1), 0; same < 5; time.Sleep(50 * time.Millisecond) {
		var now int64
		for _, s := range sessions {
			now += s.Counters().Out
		}
		if same++; now != last {
			last, same = now, 0
		}
	}
	held := 0
	for i, s := range sessions {
		s.mu.Lock()
		if h := s.pending(Server); h != nil {
			n := len(h.rest)
			if h.pipe != nil {
				n += h.pipe.n
			}
			if n > bigPipe {
				t.Errorf("session %d holds %d bytes", i, n)
			}
			held += n
		}
		s.mu.Unlock()
	}
	if held == 0 || held > slow*bigPipe {
		t.Errorf("%d bytes are held", held)
	}
	t.Logf("%d clients that do not read: %d bytes held for each", slow, held/slow)

	// Another client is served: 64 MiB, and small messages.
	client, server := chain(t, 1, listening, at, o, counter{&ends})
	const size = 64 << 20
	go func() { _, _ = io.CopyN(server, zeros{}, size) }()
	if n, err := io.CopyN(io.Discard, client, size); err != nil {
		t.Errorf("%d bytes: %v", n, err)
	}
	for range 100 {
		send(t, client, "x")
		receive(t, server, "x")
	}
	client.Close()
	server.Close()
	stop.Store(true)
	for _, s := range sessions {
		s.End("the test is over")
	}
	writers.Wait()
	until(t, "all sessions have ended", func() bool { return ends.Load() == slow+1 })
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestRandomCuts sends random bytes both ways in pieces of random sizes, with pauses and
// half-closes, and compares digests.
func TestRandomCuts(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		rapid.Check(t, func(r *rapid.T) {
			seed := rapid.Uint64().Draw(r, "seed")
			sizes := [2]int{rapid.IntRange(0, 3<<20).Draw(r, "to the server"), rapid.IntRange(0, 3<<20).Draw(r, "to the client")}
			pieces := [2]int{rapid.SampledFrom([]int{1000, 17000, 70000, 1 << 20}).Draw(r, "pieces up"), rapid.SampledFrom([]int{1000, 17000, 70000, 1 << 20}).Draw(r, "pieces down")}
			readers := [2]int{rapid.SampledFrom([]int{500, 9000, 256 << 10}).Draw(r, "reads up"), rapid.SampledFrom([]int{500, 9000, 256 << 10}).Draw(r, "reads down")}
			var data [2][]byte // made before the session begins, as that may take long
			for i, size := range sizes {
				data[i] = make([]byte, size)
				_, _ = rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed+uint64(i)))).Read(data[i])
			}
			client, server, _, result := start(t, kind, Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute})
			var wg sync.WaitGroup
			ways := [2][2]*net.TCPConn{{client, server}, {server, client}}
			for i, way := range ways {
				random := rand.New(rand.NewPCG(seed, uint64(i)))
				wg.Go(func() { pour(way[0], data[i], pieces[i], random) })
				pauses := rand.New(rand.NewPCG(seed, uint64(i+2)))
				wg.Go(func() {
					if err := drain(way[1], data[i], readers[i], pauses); err != nil {
						t.Errorf("way %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			res := <-result
			if res.Cause != Closed || res.In != int64(sizes[0]) || res.Out != int64(sizes[1]) {
				t.Errorf("ended %+v, want closed with %v", res, sizes)
			}
			client.Close()
			server.Close()
		})
	})
}

// pour sends data in pieces, and then FIN.
func pour(c *net.TCPConn, data []byte, piece int, random *rand.Rand) {
	for len(data) > 0 {
		n := min(len(data), 1+random.IntN(piece))
		if _, err := c.Write(data[:n]); err != nil {
			return
		}
		data = data[n:]
		if random.IntN(20) == 0 {
			time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
		}
	}
	_ = c.CloseWrite()
}

// drain reads to the end, with pauses, and compares the digest.
func drain(c *net.TCPConn, want []byte, piece int, random *rand.Rand) error {
	h, b, n := sha256.New(), make([]byte, piece), 0
	for {
		if random.IntN(100) == 0 {
			time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
		}
		k, err := c.Read(b)
		h.Write(b[:k])
		n += k
		if err == io.EOF { //nolint:errorlint // of a connection
			break
		}
		if err != nil {
			return err
		}
	}
	if sum := sha256.Sum256(want); !bytes.Equal(h.Sum(nil), sum[:]) {
		return fmt.Errorf("digests differ, of %d bytes and of %d", n, len(want))
	}
	return nil
}

// Counters can be read while a session runs.
func TestCounters(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		client, server, s, result := start(t, kind, Options{})
		send(t, client, "question")
		receive(t, server, "question")
		send(t, server, "long answer")
		receive(t, client, "long answer")
		for c := s.Counters(); c.In != 8 || c.Out != 11; c = s.Counters() {
			time.Sleep(time.Millisecond) // counted just after it was written
		}
		time.Sleep(50 * time.Millisecond)
		c := s.Counters()
		if c.In != 8 || c.Out != 11 || c.Idle < 40*time.Millisecond || c.Idle > time.Minute {
			t.Errorf("%+v, want 8 in, 11 out, idle since a moment", c)
		}
		client.Close()
		server.Close()
		<-result
	})
}

// embeddingSession is an owner that embeds its session.
type embeddingSession struct {
	Session
	*owner
}

// A session that is embedded in its owner notifies it, and needs no extra.
func TestEmbeddedSessionNeedsNoExtra(t *testing.T) {
	client, near := tcpPair(t)
	server, far := tcpPair(t)
	s := &embeddingSession{owner: newOwner()}
	if s.Start(near, server, nil, new(Options), s) != nil {
		t.Fatal("it is copied")
	}
	send(t, far, "hello")
	receive(t, client, "hello")
	s.mu.Lock()
	if s.more != nil {
		t.Errorf("at rest it has %+v", s.more)
	}
	s.mu.Unlock()
	client.Close()
	far.Close()
	if r := <-s.result; !r.Answered || r.Out != 5 {
		t.Errorf("%+v", r)
	}
}
