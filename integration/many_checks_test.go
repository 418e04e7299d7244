// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// arrivals records the times of connections to a server that stands for many.
type arrivals struct {
	mu    sync.Mutex
	times []time.Time
}

func (a *arrivals) note() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, time.Now())
}

// densest returns the largest number of arrivals within a duration, between two times, and the
// total.
func (a *arrivals) densest(from, to time.Time, within time.Duration) (most, all int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	times := slices.DeleteFunc(slices.Clone(a.times), func(t time.Time) bool { return t.Before(from) || t.After(to) })
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for i, t := range times {
		for t.Sub(times[first]) >= within {
			first++
		}
		most = max(most, i-first+1)
	}
	return most, len(times)
}

// cpu returns the CPU time of a process so far.
func (p *process) cpu(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
	ticks := 0
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// The checks of a thousand servers, each second, do not bunch: in no 100 ms come
// twice as many as there are on average; nor do TLS handshakes with two hundred.
// What that costs is printed. TestChecksAreSpread in modules/pool does it without a clock.
func TestManyChecks(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getenv("LOAD") == "" {
		t.Skip("needs Linux and an otherwise idle machine: make load")
	}
	a := newAuthority(t)
	cert, key := a.issue(t, "web.test", 90)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, check string
		servers     int
		serve       func(*net.TCPConn)
	}{
		{"1000 by tcp", "check tcp", 1000, func(*net.TCPConn) {}},
		{"200 by tls", fmt.Sprintf("check tls {\n server_name web.test\n ca %s\n interval 1s\n}", a.ca()), 200, func(c *net.TCPConn) {
			_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const window, seconds, tries = 100 * time.Millisecond, 5, 3
			seen := new(arrivals)
			address := listen(t, func(conn *net.TCPConn) {
				seen.note()
				c.serve(conn)
			})
			var config strings.Builder
			fmt.Fprintf(&config, "passthrough {\n backend web {\n%s\n", strings.Replace(c.check, "check tcp", "check tcp {\n interval 1s\n}", 1))
			for i := range c.servers {
				fmt.Fprintf(&config, "server s%d %s\n", i, address)
			}
			p := &process{of: &fast}
			p.start(t, config.String()+"}\n}", "")
			for try := 1; ; try++ { // the machine may have been busy
				time.Sleep(time.Second)
				from, before := time.Now(), p.cpu(t)
				time.Sleep(seconds * time.Second)
				to, after := time.Now(), p.cpu(t)
				most, all := seen.densest(from, to, window)
				mean := float64(all) * window.Seconds() / to.Sub(from).Seconds()
				t.Logf("%d checks in %v, at most %d in %v where %.0f are the mean; %.1f %% of a core", all, to.Sub(from).Round(time.Millisecond),
					most, window, mean, 100*(after-before).Seconds()/to.Sub(from).Seconds())
				if all < c.servers*(seconds-1) {
					t.Errorf("%d checks, want %d", all, c.servers*seconds)
				}
				if float64(most) <= 2*mean {
					return
				}
				if try == tries {
					t.Fatalf("checks bunch: %d in %v, want at most %.0f", most, window, 2*mean)
				}
			}
		})
	}
}
