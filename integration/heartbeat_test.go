// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Long sessions survive reloads that change everything around them, and each heartbeat is answered.
func TestHeartbeats(t *testing.T) {
	sessions, every, reloads := 200, 500*time.Millisecond, int64(20)
	s, p := newStorm(t), new(process)
	if soaking {
		p.of, sessions, every, reloads = &fast, 1000, 200*time.Millisecond, 50
	}
	for i := range s.origins {
		s.origins[i] = listen(t, greetAndEcho)
	}
	p.start(t, s.config(0), "")
	conns := make([]*net.TCPConn, sessions)
	for i := range conns {
		conns[i] = say(t, s.address, "")
		read(t, conns[i], make([]byte, 2))
		_ = conns[i].SetDeadline(time.Time{})
	}

	var wg sync.WaitGroup
	var over atomic.Bool
	gaps := make([][]time.Duration, sessions)
	for i, c := range conns {
		wg.Go(func() {
			beat := make([]byte, 1)
			for n := byte(0); !over.Load(); n++ {
				began := time.Now()
				_ = c.SetDeadline(began.Add(patience))
				if _, err := c.Write([]byte{n}); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(c, beat); err != nil || beat[0] != n {
					t.Errorf("beat %d came back as %d, %v", n, beat[0], err)
					return
				}
				gaps[i] = append(gaps[i], time.Since(began))
				time.Sleep(every)
			}
		})
	}
	time.Sleep(time.Second)
	s.blow(t, 100*time.Millisecond, func(i int64) error { return p.reload(t, s.config(i), "") }, func(n int64) bool { return n == reloads })
	over.Store(true)
	wg.Wait()

	all := slices.Sorted(slices.Values(slices.Concat(gaps...)))
	longest := all[len(all)-1]
	t.Logf("%d sessions, %d reloads: %d beats, the median %v, 99.9 %% within %v, the longest %v",
		sessions, reloads, len(all), all[len(all)/2], all[len(all)*999/1000], longest)
	if soaking && longest > 100*time.Millisecond {
		t.Errorf("longest gap between heartbeats: %v", longest)
	}
	for _, c := range conns {
		c.Close()
	}
	for _, l := range p.sessions(t, sessions) {
		if l.Termination != "--" {
			t.Errorf("a session ended %s %s", l.Termination, l.End)
		}
	}
}
