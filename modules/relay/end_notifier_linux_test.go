// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// recordingOwner is an owner that records when, and in which goroutine, Ended was called.
type recordingOwner struct {
	of    int64 // its number, as Result.In
	takes time.Duration
	log   *ownerLog
}

type ownerLog struct {
	mu         sync.Mutex
	order      []int64
	goroutines map[string]int
}

func (recordingOwner) Answered() {}

func (o recordingOwner) Ended(r Result) {
	var stack [64]byte
	name, _, _ := strings.Cut(string(stack[:runtime.Stack(stack[:], false)]), "[")
	o.log.mu.Lock()
	o.log.order = append(o.log.order, r.In)
	o.log.goroutines[name]++
	o.log.mu.Unlock()
	time.Sleep(o.takes)
}

// reset returns the record and starts another.
func (l *ownerLog) reset() (order []int64, goroutines int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	order, goroutines = l.order, len(l.goroutines)
	l.order, l.goroutines = nil, make(map[string]int)
	return order, goroutines
}

// Owners are notified in order by one goroutine, and by others only while one call takes long:
// nothing waits for that, and nothing is lost.
func TestEndings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, log := &newBubble(t).sh.notifier, new(ownerLog)
		log.reset()
		add := func(from, to int64, takes time.Duration) {
			for i := from; i < to; i++ {
				e.add(endNotice{recordingOwner{i, takes, log}, Result{In: i}})
			}
		}
		expect := func(name string, from, to int64, goroutines int) {
			t.Helper()
			order, by := log.reset()
			if goroutines > 1 {
				slices.Sort(order) // the goroutines ran beside each other
			}
			want := make([]int64, 0, to-from)
			for i := from; i < to; i++ {
				want = append(want, i)
			}
			if !slices.Equal(order, want) || by != goroutines {
				t.Errorf("%s: notified %v by %d goroutines, want %d to %d by %d", name, order, by, from, to-1, goroutines)
			}
		}
		add(0, 5000, 0)
		synctest.Wait()
		expect("many", 0, 5000, 1)
		add(5000, 5500, stuckAfter/3)
		time.Sleep(time.Hour)
		expect("many, each a little slow", 5000, 5500, 1)

		add(0, 1, time.Hour)
		synctest.Wait()
		expect("one that takes an hour", 0, 1, 1)
		add(1, 10, 0)
		synctest.Wait()
		expect("nine behind it", 1, 1, 0)
		time.Sleep(2 * stuckAfter)
		synctest.Wait()
		expect("nine behind it, after a moment", 1, 10, 9)
		add(10, 20, 0)
		synctest.Wait()
		expect("those that come meanwhile", 10, 20, 10)
		time.Sleep(time.Hour)
		add(20, 30, 0)
		synctest.Wait()
		expect("when the hour is over", 20, 30, 1)
	})
}

// A session whose owner takes long in Ended delays no other.
func TestSlowOwner(t *testing.T) {
	listening, at := listenRaw(t)
	free := make(chan struct{})
	var slow sync.WaitGroup
	for range 4 {
		near, far := connectRaw(t, listening, at, DialOptions{}, nil)
		dialed, server := connectRaw(t, listening, at, DialOptions{}, nil)
		s := new(Session)
		slow.Add(1)
		if s.Start(far, dialed, nil, new(Options), blockedOwner{free, &slow}) != nil {
			t.Fatal("it is copied")
		}
		near.Close()
		server.Close()
	}
	for range 10 {
		client, server, _, result := start(t, "engine", Options{})
		send(t, client, "question")
		receive(t, server, "question")
		client.Close()
		server.Close()
		check(t, <-result, Client, Closed, 8, 0)
	}
	close(free)
	slow.Wait()
}

// blockedOwner is an owner that waits in Ended until the test continues.
type blockedOwner struct {
	free <-chan struct{}
	done *sync.WaitGroup
}

func (blockedOwner) Answered() {}

func (w blockedOwner) Ended(Result) {
	<-w.free
	w.done.Done()
}

// BenchmarkSession runs a session from Start to the call of Ended, in which the server sends one
// word and both sides end.
func BenchmarkSession(b *testing.B) {
	w, o := newOwner(), new(Options)
	word := []byte("word")
	b.ReportAllocs()
	for b.Loop() {
		var fds [2][2]int
		for i := range fds {
			var err error
			if fds[i], err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
				b.Fatal(err)
			}
		}
		client, server := &Socket{fd: fds[0][0], remote: unixAddr}, &Socket{fd: fds[1][0], remote: unixAddr}
		if new(Session).Start(client, server, nil, o, w) != nil {
			b.Fatal("it is copied")
		}
		if _, err := write(fds[1][1], word); err != nil {
			b.Fatal(err)
		}
		closeFD(fds[1][1])
		closeFD(fds[0][1])
		<-w.result
	}
}

var unixAddr = new(net.UnixAddr)
