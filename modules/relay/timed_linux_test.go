// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	timedRelays["engine"] = struct {
		start     func(t *testing.T, o *Options, w Owner) (client, server player)
		precision time.Duration
	}{startInBubble, 4 << tickBits}
}

// bubble is a shard in the test's own time (package synctest). Its sockets belong to the kernel,
// which knows only real time: so no goroutine waits in the kernel, but all wait until another one
// has done something.
type bubble struct {
	sh *shard

	mu      sync.Mutex
	changed chan struct{}
	stopped bool // the shard does not run, nor do its timers
}

func newBubble(t *testing.T) *bubble {
	t.Helper()
	sh, err := newShard()
	if err != nil {
		t.Fatal(err)
	}
	b := &bubble{sh: sh, changed: make(chan struct{})}
	sh.timer.Stop()
	sh.timer = time.AfterFunc(time.Hour, func() {
		sh.expire()
		b.stir()
	})
	over := make(chan struct{})
	t.Cleanup(func() {
		close(over)
		b.stop(true)
		sh.notifier.stop()
		sh.timer.Stop()
		sh.close()
	})
	go func() {
		for {
			next := b.next()
			if b.isReady() {
				sh.poll()
				b.stir()
				continue
			}
			select {
			case <-next:
			case <-over:
				return
			}
		}
	}()
	return b
}

// isReady reports whether the shard has events and may run.
func (b *bubble) isReady() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(b.sh.fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0 && !b.stopped
}

// stop stops or resumes the shard's handling of events.
func (b *bubble) stop(stopped bool) {
	b.mu.Lock()
	b.stopped = stopped
	b.mu.Unlock()
	b.stir()
}

func (b *bubble) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// stir wakes all waiting goroutines.
func (b *bubble) stir() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
}

// pair returns a connection: its near end, for a session, and its far end.
func (b *bubble) pair(t *testing.T) (near *Socket, far *bubbleEnd) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &Socket{fd: fds[0], remote: new(net.UnixAddr), poll: pollSlot{shard: b.sh}}, &bubbleEnd{b: b, fd: fds[1]}
}

func startInBubble(t *testing.T, o *Options, w Owner) (client, server player) {
	_, client, server, _ = startStoppable(t, o, w)
	return client, server
}

func startStoppable(t *testing.T, o *Options, w Owner) (b *bubble, client, server *bubbleEnd, s *Session) {
	t.Helper()
	b, s = newBubble(t), new(Session)
	c, client := b.pair(t)
	v, server := b.pair(t)
	if s.Start(c, v, nil, o, w) != nil {
		t.Fatal("it is copied")
	}
	b.stir()
	return b, client, server, s
}

// bubbleEnd is the far end of a connection.
type bubbleEnd struct {
	b *bubble

	mu sync.Mutex
	fd int // -1: closed
}

// try calls f until it fails for another reason than missing bytes or room.
func (e *bubbleEnd) try(f func(fd int) (int, error)) (n int, err error) {
	for {
		next := e.b.next()
		e.mu.Lock()
		if e.fd < 0 {
			e.mu.Unlock()
			return 0, net.ErrClosed
		}
		n, err = f(e.fd)
		e.mu.Unlock()
		if err != unix.EAGAIN { //nolint:errorlint // an Errno
			e.b.stir()
			return n, err
		}
		<-next
	}
}

func (e *bubbleEnd) Read(p []byte) (int, error) {
	n, err := e.try(func(fd int) (int, error) { return read(fd, p) })
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return n, err
}

// readNow reads all bytes that have come.
func (e *bubbleEnd) readNow() (total int, err error) {
	b := make([]byte, 64<<10)
	for {
		n, err := read(e.fd, b)
		if total += n; n <= 0 {
			if err == unix.EAGAIN { //nolint:errorlint // an Errno
				err = nil
			}
			return total, err
		}
	}
}

func (e *bubbleEnd) Write(p []byte) (n int, err error) {
	for n < len(p) {
		k, err := e.try(func(fd int) (int, error) { return write(fd, p[n:]) })
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (e *bubbleEnd) CloseWrite() error {
	_, err := e.try(func(fd int) (int, error) { return 0, unix.Shutdown(fd, unix.SHUT_WR) })
	return err
}

func (e *bubbleEnd) Close() error {
	_, err := e.try(func(fd int) (int, error) {
		e.fd = -1
		return 0, unix.Close(fd)
	})
	return err
}

// A process that was stopped checks the sockets before it takes the peers for silent, but trusts
// the clock again if that finds nothing.
func TestStoppedEngine(t *testing.T) {
	o := &Options{ClientTimeout: 4 * time.Second, ServerTimeout: 4 * time.Second}
	for _, c := range []struct {
		name    string
		play    func(client, server *bubbleEnd)
		resumes time.Duration
		by      Side
		after   time.Duration
	}{
		{"the client has said something", func(client, server *bubbleEnd) {
			client.Write([]byte("x"))
			go io.Copy(io.Discard, server)
		}, 4500 * time.Millisecond, Client, 8500 * time.Millisecond},
		{"the server has said something", func(client, server *bubbleEnd) {
			server.Write([]byte("x"))
			go io.Copy(io.Discard, client)
		}, 4500 * time.Millisecond, Client, 8500 * time.Millisecond},
		{"nothing was said", func(client, server *bubbleEnd) {
			go io.Copy(io.Discard, server)
		}, 4500 * time.Millisecond, Client, 4 * time.Second},
		{"it goes on too late", func(client, server *bubbleEnd) {
			client.Write([]byte("x"))
		}, time.Hour, Client, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, w := time.Now(), newOwner()
				b, client, server, _ := startStoppable(t, o, w)
				time.Sleep(time.Second)
				b.stop(true)
				go c.play(client, server)
				go func() {
					time.Sleep(c.resumes - time.Second)
					b.stop(false)
				}()
				r := <-w.result
				if took := time.Since(began); r.By != c.by || r.Cause != Timeout || took < c.after || took > c.after+4<<tickBits {
					t.Errorf("%+v after %v, want a timeout of the %s after %v", r, took, c.by, c.after)
				}
				client.Close()
				server.Close()
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// A side that meanwhile accepts the bytes that waited for it is not closed either.
func TestStoppedEngineWhileBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOwner()
		b, client, server, _ := startStoppable(t, &Options{ClientTimeout: 4 * time.Second}, w)
		go func() {
			server.Write(flood)
			server.Close()
		}()
		time.Sleep(time.Second)
		b.stop(true)
		taken, err := client.readNow()
		if taken == 0 || err != nil {
			t.Errorf("%d bytes, %v", taken, err)
		}
		time.Sleep(3500 * time.Millisecond)
		b.stop(false)
		if _, err := io.Copy(io.Discard, client); err != nil {
			t.Error(err)
		}
		client.Close()
		if r := <-w.result; r.Cause != Closed || r.Out != int64(len(flood)) {
			t.Errorf("%+v", r)
		}
	})
}

// Without a timeout, a side has a minute to accept bytes that the other one sent before its
// connection broke.
func TestLingersForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, w := time.Now(), newOwner()
		_, client, server, _ := startStoppable(t, new(Options), w)
		go server.Write(flood)
		time.Sleep(time.Second)
		client.Write([]byte("x"))
		time.Sleep(time.Second)
		server.Close() // with unread bytes: a reset
		r := <-w.result
		if took := time.Since(began); r.By != Server || r.Cause != Reset || took < time.Minute || took > time.Minute+3*time.Second {
			t.Errorf("%+v after %v", r, took)
		}
		client.Close()
	})
}

// When a connection breaks, bytes pending for it are dropped: its timeout does not cut off bytes
// that it has sent before.
func TestBreaksWhileBothAreBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOwner()
		_, client, server, s := startStoppable(t, &Options{ServerTimeout: 10 * time.Second}, w)
		go server.Write(flood)
		go client.Write(flood)
		time.Sleep(5 * time.Second)
		before := s.Counters().Out
		server.Close()
		time.Sleep(20 * time.Second)
		n, _ := io.Copy(io.Discard, client)
		if r := <-w.result; r.By != Server || r.Cause != Reset || r.Out != n || n <= before {
			t.Errorf("received %d, %+v", n, r)
		}
		client.Close()
	})
}
