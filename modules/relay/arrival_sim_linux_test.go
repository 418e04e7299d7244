// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// The size of the simulation; with a seed, one simulation is repeated.
var (
	simSeeds = flag.Int("sim.seeds", 256, "how many simulations of arrivals there are")
	simSteps = flag.Int("sim.steps", 160, "how many steps each has")
	simSeed  = flag.Uint64("sim.seed", 0, "the only simulation to run; 0: all")
)

// stepsEach is the number of steps for one client; then another one comes to the shard.
const stepsEach = 80

// TestArrivalSimulation runs clients that send hellos in pieces, leave, and are late; servers that
// connect at once, late, never, or refuse; handlers that wait, try again, detach, close and panic;
// and sessions that are ended from outside: each at any step. The sockets are real, the time is
// not. In all cases, no byte is lost or changed, each owner is notified once, and nothing is left
// behind.
func TestArrivalSimulation(t *testing.T) {
	first, err := newShard() // the runtime's poller, which stays, takes two descriptors
	if err != nil {
		t.Fatal(err)
	}
	first.timer.Stop()
	first.close()
	before, seen := descriptors(t), make(map[string]int)
	for seed := uint64(1); seed <= uint64(*simSeeds); seed++ {
		if *simSeed != 0 {
			seed = *simSeed
		}
		synctest.Test(t, func(t *testing.T) {
			sh, err := newShard()
			if err != nil {
				t.Fatal(err)
			}
			defer sh.close()
			defer sh.timer.Stop()
			defer sh.notifier.stop()
			rng := rand.New(rand.NewPCG(seed, 1))
			for left := *simSteps; left > 0 && !t.Failed(); left -= stepsEach {
				newArrivalSim(t, sh, rng, seed, seen).run(min(left, stepsEach))
			}
			for _, p := range append(sh.pipes.small, sh.pipes.big...) {
				p.close()
			}
		})
		switch n := descriptors(t); {
		case n > before:
			t.Errorf("%d descriptors before, %d after", before, n)
		case n < before: // descriptors of other tests close meanwhile
			before = n
		}
		if t.Failed() {
			t.Fatalf("to run it again: -sim.seed %d", seed)
		}
		if *simSeed != 0 {
			break
		}
	}
	t.Log(seen)
}

// dialOutcome is the outcome of a connect.
type dialOutcome uint8

const (
	atOnceThere dialOutcome = iota
	thereLater
	refusesAtOnce
	refusesLater
	neverThere
	kindsOfConnects
)

// arrivalSim is one client and the handler of its session. One goroutine does everything except for
// timers, and nothing runs beside it.
type arrivalSim struct {
	mu    sync.Mutex // see synchronize
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	sh    *shard
	s     *Session // the session that has the connections
	began time.Time
	until time.Duration // 0: never

	client, server int // the far ends; -1: closed, or not open yet
	clientSent     []byte
	clientGot      []byte
	serverSent     []byte
	serverGot      []byte
	clientFin      bool
	clientClosed   bool
	serverFin      bool
	how            dialOutcome
	buffer         [256 << 10]byte
	padding        int // bytes that the server must read before it is connected; 0: it is

	whole        int // the size of the hello
	room         []byte
	hello        []byte // the bytes of Received
	inside       bool   // a method of the handler runs
	tries        int
	first        time.Time // when the first connect began
	latest       time.Time // when the latest one did: each is slow for itself
	arrived      bool
	expired      int
	left         int
	detached     bool
	ended        bool // by the simulation, from outside
	crashes      bool // the handler has panicked
	closes       bool // the handler has answered with Close
	relays       bool
	ends         map[string]bool // the sides that have read an end
	finished     bool            // Finished has come
	results      []Result
	did          Action    // the last step
	abortOnClose bool      // of the last Connect
	lastRead     time.Time // when Received last came
	answered     int
	log          []string
	seen         map[string]int // counts of events, in all simulations
}

var simOptions = &Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute}

func newArrivalSim(t *testing.T, sh *shard, rng *rand.Rand, seed uint64, seen map[string]int) *arrivalSim {
	t.Helper()
	m := &arrivalSim{t: t, seed: seed, seen: seen, ends: make(map[string]bool), rng: rng, sh: sh, s: new(Session), server: -1, began: time.Now()}
	m.whole = 1 + m.rng.IntN([]int{500, 3000, 12000}[m.rng.IntN(3)])
	m.room = make([]byte, []int{1 + m.rng.IntN(20), 100, 512, 4096, 4096, 4096}[m.rng.IntN(6)])
	if m.rng.IntN(8) != 0 {
		m.until = time.Duration(1+m.rng.IntN(5000)) * time.Millisecond
	}
	return m
}

// logf records an event, to print it if the test fails.
func (m *arrivalSim) logf(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%v: ", time.Since(m.began))+fmt.Sprintf(format, args...))
}

func (m *arrivalSim) errorf(format string, args ...any) {
	m.t.Helper()
	m.t.Errorf("seed %d: "+format, append([]any{m.seed}, args...)...)
}

func (m *arrivalSim) pair() (near, far int) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	return fds[0], fds[1]
}

func (m *arrivalSim) run(steps int) {
	saved := startConnect
	startConnect = m.dial
	defer func() { startConnect = saved }()
	near, far := m.pair()
	m.client = far
	if m.rng.IntN(40) == 0 {
		m.end()
	}
	if err := m.s.Arrive(&Socket{fd: near, remote: new(net.UnixAddr), poll: pollSlot{shard: m.sh}}, m); err != nil {
		m.t.Fatal(err)
	}
	synctest.Wait()
	for range steps {
		m.step()
	}
	m.finish()
	if m.t.Failed() {
		for _, line := range m.log {
			m.t.Log(line)
		}
	}
}

// step does one thing, and mostly lets the shard handle it.
func (m *arrivalSim) step() {
	switch m.rng.IntN(18) {
	case 0, 1, 2, 3:
		m.clientSends(1 + m.rng.IntN(1+m.whole/2))
	case 4, 5:
		m.clientReads()
	case 6, 7:
		m.serverReads(1 + m.rng.IntN(9000))
	case 8, 9:
		m.serverSends(1 + m.rng.IntN(2000))
	case 10:
		if m.rng.IntN(4) == 0 {
			m.clientFinishes()
		}
	case 11:
		if m.rng.IntN(8) == 0 {
			m.clientCloses()
		}
	case 12:
		if m.rng.IntN(4) == 0 {
			m.serverFinishes()
		}
	case 13:
		if m.rng.IntN(40) == 0 {
			m.end()
		}
	case 14:
		m.settle()
	default:
		d := time.Duration(m.rng.IntN(int([]time.Duration{time.Millisecond, 200 * time.Millisecond, 3 * time.Second}[m.rng.IntN(3)])))
		m.logf("sleep %v", d)
		m.sleep(d)
	}
	if m.rng.IntN(4) != 0 {
		m.poll()
	}
}

// sleep lets timers run.
func (m *arrivalSim) sleep(d time.Duration) {
	m.synchronize()
	time.Sleep(d)
	synctest.Wait()
}

// synchronize informs the race detector, which does not know that a timer that runs while all other
// goroutines sleep comes after what they have done.
func (m *arrivalSim) synchronize() {
	m.mu.Lock()
	m.mu.Unlock() //nolint:staticcheck // it is empty on purpose
}

func (m *arrivalSim) poll() {
	m.sh.poll()
	synctest.Wait()
}

func (m *arrivalSim) end() {
	m.logf("end")
	m.ended = true
	m.s.End("drained")
	synctest.Wait()
}

func (m *arrivalSim) clientSends(n int) {
	if m.client < 0 || m.clientFin {
		return
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.rng.Uint32())
	}
	k, err := write(m.client, b)
	if k > 0 {
		m.clientSent = append(m.clientSent, b[:k]...)
	}
	m.logf("the client sends %d: %d %v", n, k, err)
}

func (m *arrivalSim) clientReads() { m.clientGot = m.reads(m.client, 1<<20, m.clientGot, "client") }

func (m *arrivalSim) reads(fd, most int, got []byte, side string) []byte {
	if fd < 0 {
		return got
	}
	b := m.buffer[:min(most, len(m.buffer))]
	n, err := read(fd, b)
	if n == 0 && err == nil {
		m.ends[side] = true
	}
	if n > 0 {
		m.logf("the %s reads %d", side, n)
	}
	return append(got, b[:max(0, n)]...)
}

// serverReads reads at the server. A late server is connected once it has read the padding.
func (m *arrivalSim) serverReads(n int) {
	if m.server < 0 {
		return
	}
	if m.padding > 0 && m.how != thereLater {
		return
	}
	for m.padding > 0 {
		k, err := read(m.server, make([]byte, m.padding))
		if err != nil {
			m.t.Fatal(err)
		}
		if m.padding -= k; m.padding == 0 {
			if m.logf("the server is there"); m.rng.IntN(2) == 0 {
				m.serverSends(100)
			}
			return
		}
	}
	m.serverGot = m.reads(m.server, n, m.serverGot, "server")
}

func (m *arrivalSim) serverSends(n int) {
	if m.server < 0 || m.serverFin || m.padding > 0 {
		return
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.rng.Uint32())
	}
	k, err := write(m.server, b)
	if k > 0 {
		m.serverSent = append(m.serverSent, b[:k]...)
	}
	m.logf("the server sends %d: %d %v", n, k, err)
}

func (m *arrivalSim) clientFinishes() {
	if m.client >= 0 && !m.clientFin {
		m.clientFin = true
		_ = unix.Shutdown(m.client, unix.SHUT_WR)
		m.logf("the client finishes")
	}
}

func (m *arrivalSim) clientCloses() {
	if m.client >= 0 {
		m.clientClosed, m.clientFin = true, true
		unix.Close(m.client)
		m.client = -1
		m.logf("the client closes")
	}
}

func (m *arrivalSim) serverFinishes() {
	if m.server >= 0 && !m.serverFin && m.padding == 0 {
		m.serverFin = true
		_ = unix.Shutdown(m.server, unix.SHUT_WR)
		m.logf("the server finishes")
	}
}

// serverCloses closes the server's end, which is also how a late server refuses.
func (m *arrivalSim) serverCloses() {
	if m.server >= 0 {
		unix.Close(m.server)
		m.server, m.padding = -1, 0
		m.logf("the server closes")
	}
}

// dial replaces startConnect: it makes a server with the outcome that the port selects.
func (m *arrivalSim) dial(to netip.AddrPort, _ outgoing) (int, error) {
	m.synchronize()
	defer m.synchronize()
	m.serverCloses()
	how := dialOutcome(to.Port())
	m.how = how
	m.logf("connect: %d", how)
	if how == refusesAtOnce {
		return -1, os.NewSyscallError("connect", unix.ECONNREFUSED)
	}
	near, far := m.pair()
	m.server = far
	if how == atOnceThere {
		return near, nil
	}
	_ = unix.SetsockoptInt(near, unix.SOL_SOCKET, unix.SO_SNDBUF, 4608)
	for {
		n, err := write(near, make([]byte, 64))
		if err != nil {
			break
		}
		m.padding += n
	}
	if how == refusesLater {
		time.AfterFunc(time.Duration(m.rng.IntN(1000))*time.Millisecond, func() {
			m.synchronize()
			defer m.synchronize()
			if m.server == far && m.padding > 0 {
				m.serverCloses()
			}
		})
	}
	return near, nil
}
