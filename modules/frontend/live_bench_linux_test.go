// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// BenchmarkAllLive lists 50,000 idle sessions, or as many as there are descriptors for. The time of
// an operation at one listing per second is the CPU that it takes.
func BenchmarkAllLive(b *testing.B) {
	n := openIdle(b, 50_000)
	for name, c := range map[string]struct {
		filter LiveFilter
		limit  int
	}{
		"all": {}, "first 100": {limit: 100}, "100 of a backend": {LiveFilter{Backend: "b1"}, 100}, "one name": {LiveFilter{Name: "x"}, 0}, "one": {LiveFilter{id: 7}, 0},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				AllLive(c.filter, c.limit)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/session")
		})
	}
}

// openIdle opens idle sessions, and returns their number.
func openIdle(b *testing.B, most int) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	n := min(most, int(limit.Cur)/5)
	hello := hellotest.Hello(b, "a.example.test")
	const each = 25_000 // there are ports for as many connections to one address
	var clients []int
	b.Cleanup(func() {
		for _, fd := range clients {
			_ = unix.Close(fd)
		}
	})
	for len(clients) < n {
		server := keeping(b)
		name := fmt.Sprintf("b%d", len(clients)/each)
		app := newAppOf(b, map[string]string{name: fmt.Sprintf(`{"servers": [{"name": "s1", "address": "127.0.0.1:%d"}]}`, server.Port)})
		f, _ := frontendTo(app, name, Config{InspectDelay: time.Minute, MaxHello: 65536, Logger: zap.NewNop()})
		ln, at := listeningSocket(b)
		local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: at.Port}
		for range min(each, n-len(clients)) {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				clients = append(clients, fd)
				err = unix.Connect(fd, &at)
			}
			if err == nil {
				_, err = unix.Write(fd, hello)
			}
			if err != nil {
				b.Fatal(err)
			}
			s, err := relay.Accept(uintptr(ln), local)
			if err != nil {
				b.Fatal(err)
			}
			f.Entry(EntryConfig{}).Serve(s, time.Now())
			if _, err := unix.Read(fd, make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
		}
		_ = unix.Close(ln)
	}
	return n
}

// BenchmarkWhileListing measures a round trip through a session, alone and while others list all
// sessions ten times a second.
func BenchmarkWhileListing(b *testing.B) {
	openIdle(b, 50_000)
	server := programs.Listen(b, time.Hour, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	app := newAppOf(b, map[string]string{"echo": `{"servers": [{"name": "s1", "address": "` + server + `"}]}`})
	f, _ := frontendTo(app, "echo", Config{InspectDelay: time.Minute, MaxHello: 65536, Logger: zap.NewNop()})
	client, socket := accepted(b)
	defer client.Close()
	if err := ways["fast"](f, socket); err != nil {
		b.Fatal(err)
	}
	hello := hellotest.Hello(b, "a.example.test")
	roundTrip := func(send []byte) {
		if _, err := client.Write(send); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, make([]byte, len(send))); err != nil {
			b.Fatal(err)
		}
	}
	roundTrip(hello)
	for _, lists := range []bool{false, true} {
		b.Run(fmt.Sprintf("lists=%v", lists), func(b *testing.B) {
			over := make(chan struct{})
			var listing sync.WaitGroup
			listing.Go(func() {
				for {
					select {
					case <-over:
						return
					case <-time.After(100 * time.Millisecond):
						if lists {
							AllLive(LiveFilter{}, 0)
						}
					}
				}
			})
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				roundTrip([]byte("x"))
				took = append(took, time.Since(began))
			}
			close(over)
			listing.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*999/1000].Microseconds()), "µs-p99.9")
			b.ReportMetric(float64(took[len(took)-1].Microseconds()), "µs-max")
		})
	}
}
