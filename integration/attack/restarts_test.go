// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// restartAttacks are new configurations, and restarts of the process.
var restartAttacks = []attack{
	{name: "reloads in a storm", config: func(s *stage) settings {
		n := greeting(s)
		n.haproxy = []string{"-W"}
		return n
	}, run: reloadStorm},
	{name: "killed and started again", rounds: 3, config: greeting, run: killed},
}

// reloadStorm loads valid and invalid configurations in turn, two at once.
func reloadStorm(s *stage) {
	s.unlike = !s.isOurs() // workers come and go
	n := scaled(200, 30)
	during := time.Duration(n) * 100 * time.Millisecond
	text, err := os.ReadFile(filepath.Join(s.dir, "haproxy.cfg"))
	if err != nil {
		s.Fatal(err)
	}
	var wg sync.WaitGroup
	var done, refused atomic.Int64
	var got *service
	wg.Go(func() { got = s.load(legit, legitPause, during) })
	loaders := 1 // HAProxy reloads its file on a signal
	if s.isOurs() {
		loaders = 2
	}
	for part := range loaders {
		wg.Go(func() {
			began := time.Now()
			for i := part; i < n; i += loaders {
				config := string(text) + fmt.Sprintf("    # %d\n", i)
				if i%4 >= 2 {
					config += "    server s1 nonsense:port nonsense\n"
				}
				if s.reload(config) {
					done.Add(1)
				} else {
					refused.Add(1)
				}
				time.Sleep(time.Until(began.Add(time.Duration(i) * 100 * time.Millisecond)))
			}
		})
	}
	wg.Wait()
	s.Logf("%s: %d done, %d refused; %v", s.proxy, done.Load(), refused.Load(), got)
	s.measured("clients served", "%.2f %%", got.rate())
	s.measured("p99", "%.1f ms", got.p99())
	s.must(got.failures() == 0, "clients: %v", got)
	if s.isOurs() {
		s.must(done.Load() > 0 && refused.Load() > 0 && done.Load()+refused.Load() == int64(n), "%d done, %d refused", done.Load(), refused.Load())
	}
}

// reload loads a configuration. HAProxy is signaled to read its file, and does not report the
// result.
func (s *stage) reload(config string) bool {
	if s.isOurs() {
		for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			status, _, err := s.askOnce(http.MethodPost, "/load", "text/haproxy", config)
			if err == nil {
				return status == http.StatusOK
			}
			if time.Now().After(over) { // otherwise Caddy is replacing its admin endpoint
				s.Error(err)
				return false
			}
		}
	}
	file := filepath.Join(s.dir, "haproxy.cfg")
	if err := errors.Join(os.WriteFile(file+"~", []byte(config), 0o600), os.Rename(file+"~", file)); err != nil {
		s.Error(err)
	}
	_ = s.cmd.Process.Signal(syscall.SIGUSR2)
	return !strings.Contains(config, "nonsense")
}

// killed kills the proxy under load and starts it again.
func killed(s *stage) {
	s.unlike = true
	c := s.attackers("holds", scaled(1000, 100), 64)
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.exited
	began := time.Now()
	s.start()
	s.measured("served again in", "%.0f ms", float64(time.Since(began))/1e6)
	c.leave(s)
}
