// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// shownSessions is the number of sessions in TestSnapshotCost: this process holds both ends of
// each, and may have 20,000 descriptors.
const shownSessions = 8000

// TestSnapshotCost asks once a second for all that can be shown of 1000 servers and thousands of
// sessions, and prints what that costs: CPU, and how long bytes of another session take.
func TestSnapshotCost(t *testing.T) {
	if os.Getenv("LOAD") == "" {
		t.Skip("needs an otherwise idle machine: make load")
	}
	socket, address := filepath.Join(t.TempDir(), "s"), freeAddress(t)
	p := &process{of: &fast}
	p.start(t, snapshotConfig(t, socket, address), "")
	hello := hellotest.Hello(t, "www.example.test")
	open := func() net.Conn {
		c := dial(t, address)
		_ = c.SetDeadline(time.Time{})
		if _, err := c.Write(hello); err != nil {
			t.Fatal(err)
		}
		read(t, c, make([]byte, 2))
		return c
	}
	for range shownSessions {
		open()
	}
	asked := map[string]func(){
		"nothing":       func() {},
		"show stat":     func() { askSocket(t, socket, "show stat") },
		"backends":      func() { p.fetch(t, "/passthrough/backends") },
		"100 sessions":  func() { p.fetch(t, "/passthrough/sessions?limit=100") },
		"all sessions":  func() { p.fetch(t, "/passthrough/sessions?limit=100000") },
		"show sess":     func() { askSocket(t, socket, "show sess") },
		"show stat, up": func() { askSocket(t, socket, "show stat up") },
	}
	echo := open()
	for _, name := range []string{"nothing", "show stat", "show stat, up", "backends", "100 sessions", "all sessions", "show sess", "nothing"} {
		const seconds = 5
		stop := make(chan struct{})
		trips := roundTrips(t, echo, stop)
		before, began := p.cpu(t), time.Now()
		for range seconds {
			asked[name]()
			time.Sleep(time.Second)
		}
		used, took := p.cpu(t)-before, time.Since(began)
		close(stop)
		times := <-trips
		t.Logf("%-14s %5.2f %% of a core; %d round trips: median %v, 99.9 %% %v, max %v", name, 100*used.Seconds()/took.Seconds(),
			len(times), times[len(times)/2], times[len(times)*999/1000], times[len(times)-1])
	}
}

// snapshotConfig returns a configuration with a socket and 1000 servers.
func snapshotConfig(t *testing.T, socket, address string) string {
	t.Helper()
	origin := echoingServer(t)
	var config strings.Builder
	fmt.Fprintf(&config, "passthrough {\n socket %s\n frontend fe {\n bind %s\n default_backend web\n }\n backend web {\n", socket, address)
	for i := range 1000 {
		fmt.Fprintf(&config, "server s%d %s\n", i, origin)
	}
	return config.String() + "}\n}"
}

// echoingServer returns the address of a server that greets and echoes without a time limit.
func echoingServer(t *testing.T) string {
	t.Helper()
	return listen(t, func(c *net.TCPConn) {
		_ = c.SetDeadline(time.Time{})
		if skipHello(c) != nil {
			return
		}
		// io.Copy would take two more descriptors for a pipe.
		for b, n, err := []byte("hi"), 2, error(nil); err == nil; n, err = c.Read(b) {
			_, _ = c.Write(b[:n])
		}
	})
}

// roundTrips measures round trips of a byte, a millisecond apart, until stop is closed, and sends
// their times, sorted.
func roundTrips(t *testing.T, c net.Conn, stop chan struct{}) <-chan []time.Duration {
	t.Helper()
	sorted := make(chan []time.Duration, 1)
	go func() {
		var times []time.Duration
		for b := make([]byte, 1); ; time.Sleep(time.Millisecond) {
			select {
			case <-stop:
				slices.Sort(times)
				sorted <- times
				return
			default:
			}
			began := time.Now()
			if _, err := c.Write(b); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(c, b); err != nil {
				t.Error(err)
			}
			times = append(times, time.Since(began))
		}
	}()
	return sorted
}

// askSocket sends a command to a socket and drops the answer: keeping it would cost this process,
// which is on the same processors, pauses of its own.
func askSocket(t *testing.T, socket, command string) {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, command); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, c); err != nil || n == 0 {
		t.Fatal(n, err)
	}
}

// fetch gets a path of the admin endpoint.
func (p *process) fetch(t *testing.T, path string) {
	t.Helper()
	answer, err := http.Get("http://" + p.admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
}
