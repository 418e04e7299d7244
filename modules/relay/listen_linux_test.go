// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const listenPatience = time.Minute

// until waits for a condition.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(listenPatience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("timed out waiting: ", what)
		}
	}
}

// listening is a Listening with options that count, and that the test can make pause or fail.
type listening struct {
	*Listening
	at       netip.AddrPort
	accepted atomic.Int64
	paused   atomic.Bool
	failing  atomic.Int64 // minus the number of failed accepts
	each     func(n int64)

	mu     sync.Mutex
	shards map[*shard]int
}

func startListening(t *testing.T, backlog int) *listening {
	t.Helper()
	fd, at := listenRaw(t)
	if err := unix.Listen(fd, backlog); err != nil {
		t.Fatal(err)
	}
	l := &listening{at: at, shards: make(map[*shard]int)}
	l.paused.Store(true)
	var err error
	l.Listening, err = Listen(fd, ListenOptions{
		Pause: func() time.Duration {
			if l.paused.Load() {
				return time.Millisecond
			}
			return 0
		},
		Accepted: func(s *Socket) {
			l.mu.Lock()
			l.shards[s.watchedBy()]++
			l.mu.Unlock()
			s.Close()
			if n := l.accepted.Add(1); l.each != nil {
				l.each(n)
			}
		},
		Failed: func(err error) (time.Duration, bool) {
			l.failing.Add(-1)
			return time.Millisecond, errors.Is(err, unix.EINVAL)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// connectMany makes connections, which the kernel accepts without a call of accept.
func connectMany(t *testing.T, at netip.AddrPort, n int) {
	t.Helper()
	for range n {
		fd, err := newSocket(at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeFD(fd) })
		if err := connect(fd, at); err != nil {
			t.Fatal(err)
		}
	}
}

// All waiting connections are accepted though no further one causes an event, and the shards share
// them.
func TestListenBurst(t *testing.T) {
	const burst = 3000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if raised := (unix.Rlimit{Cur: max(limit.Cur, min(limit.Max, 2*burst)), Max: limit.Max}); unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
		defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }()
	}
	l := startListening(t, 2*burst)
	connectMany(t, l.at, burst)
	if n := l.accepted.Load(); n != 0 {
		t.Errorf("%d accepted in a pause", n)
	}
	l.paused.Store(false)
	until(t, "all are accepted", func() bool { return l.accepted.Load() == burst })
	l.mu.Lock()
	defer l.mu.Unlock()
	all := *engineShards.shards.Load()
	for _, sh := range all {
		if share := burst / len(all); l.shards[sh] < share-2*acceptShare || l.shards[sh] > share+2*acceptShare {
			t.Errorf("a shard has %d of %d connections; there are %d shards", l.shards[sh], burst, len(all))
		}
	}
}

// Single connections are accepted, too, and by all shards.
func TestListenOneByOne(t *testing.T) {
	l := startListening(t, 16)
	l.paused.Store(false)
	const clients = 300
	for i := range clients {
		c, err := net.Dial("tcp", l.at.String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(listenPatience))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, unix.ETIMEDOUT) {
			t.Fatal(err)
		}
		c.Close()
		until(t, "it is accepted", func() bool { return l.accepted.Load() == int64(i+1) })
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sh := range *engineShards.shards.Load() {
		if l.shards[sh] == 0 {
			t.Error("a shard has accepted nothing")
		}
	}
}

// A flood of connections does not starve sessions: bytes that a server sends during it are passed
// on before many more connections are accepted.
func TestListenIsFair(t *testing.T) {
	const flood, midst = 900, 600
	l := startListening(t, flood)
	near, client := tcpPair(t)
	far, server := tcpPair(t)
	o := &answeredAt{owner: newOwner(), accepted: &l.accepted, at: make(chan int64, 1)}
	if new(Session).Start(near, far, nil, new(Options), o) != nil {
		t.Fatal("the session does not run on the engine")
	}
	l.each = func(n int64) {
		if n == midst {
			send(t, server, "x")
		}
	}
	connectMany(t, l.at, flood)
	l.paused.Store(false)
	receive(t, client, "x")
	if n := <-o.at - midst; n > 96 {
		t.Errorf("%d connections were accepted before a session had its turn", n)
	}
	until(t, "all are accepted", func() bool { return l.accepted.Load() == flood })
	client.Close()
	server.Close()
	<-o.result
}

// answeredAt records the number of accepted connections when the server's bytes came.
type answeredAt struct {
	*owner
	accepted *atomic.Int64
	at       chan int64
}

func (o *answeredAt) Answered() { o.at <- o.accepted.Load() }

// While accepting fails, it is tried again after the pause; a socket that no longer listens is
// lost.
func TestListenFails(t *testing.T) {
	l := startListening(t, 16)
	l.paused.Store(false)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	connectMany(t, l.at, 1)
	until(t, "the first is accepted", func() bool { return l.accepted.Load() == 1 })
	waiting, err := newSocket(l.at)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFD(waiting)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	err = connect(waiting, l.at)
	if err == nil {
		until(t, "accepting has failed twice", func() bool { return l.failing.Load() <= -2 })
	}
	if restored := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || restored != nil {
		t.Fatal(err, restored)
	}
	until(t, "the second is accepted", func() bool { return l.accepted.Load() == 2 })

	if err := unix.Shutdown(l.fd, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	until(t, "it is lost", func() bool {
		l.Listening.mu.Lock()
		defer l.Listening.mu.Unlock()
		return l.closed && l.poll.slot == 0
	})
}

// Nothing is accepted after Close has returned.
func TestListenClose(t *testing.T) {
	for range 20 {
		l := startListening(t, 1024)
		connectMany(t, l.at, 100)
		l.paused.Store(false)
		l.Close()
		n := l.accepted.Load()
		connectMany(t, l.at, 10)
		time.Sleep(2 * time.Millisecond)
		if l.accepted.Load() != n {
			t.Fatal("accepted after Close")
		}
	}
}

// OnShard works, even for a socket that its client has reset.
func TestOnShard(t *testing.T) {
	for _, broken := range []bool{false, true} {
		near, far := socketPair(t, DialOptions{}, nil)
		if broken {
			_ = near.SetLinger(0)
			near.Close()
		}
		got := make(chan *Socket, 1)
		if err := OnShard(far, func(s *Socket) { got <- s }); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-got:
			if s != far || s.watchedBy() == nil || s.poll.slot != 0 {
				t.Error("it is another socket, or no shard is meant to watch it")
			}
		case <-time.After(listenPatience):
			t.Fatal("it does not come")
		}
		far.Close()
		near.Close()
		if err := OnShard(far, func(*Socket) { t.Error("a closed one came") }); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed one: %v", err)
		}
	}
}
