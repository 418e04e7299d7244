// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

var lastUnused atomic.Int64

// unused returns a name that no frontend and no backend has had: their counts are kept.
func unused(name string) string { return name + strconv.FormatInt(lastUnused.Add(1), 10) }

// settle waits until a value is as wanted.
func settle[T any](t *testing.T, want T, get func() T) {
	t.Helper()
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		d := cmp.Diff(want, get())
		if d == "" {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("(-want +got):\n%s", d)
		}
	}
}

// What ended connections did is counted for their frontend, their backend and their server, once
// for each, and continues when a configuration replaces the frontend.
func TestMetrics(t *testing.T) {
	server := programs.Listen(t, time.Minute, func(c *net.TCPConn) {
		n, _ := io.Copy(io.Discard, c)
		_, _ = c.Write(make([]byte, n/2))
	})
	web, name := unused("web"), unused("metrics")
	app := newAppOf(t, map[string]string{web: `{"servers": [{"name": "s1", "address": "` + server + `"}]}`})
	config := Config{Name: name, MaxHello: 65536, InspectDelay: time.Hour}
	first, _ := frontendTo(app, web, config)
	second, _ := frontendTo(app, web, config)
	hello := hellotest.Hello(t, "a.example.test")
	for _, c := range []struct {
		f    *Frontend
		sent []byte
	}{{first, hello}, {first, []byte("GET / HTTP/1.1\r\n\r\n")}, {second, hello}} {
		near, far := net.Pipe()
		done := make(chan struct{})
		entry := c.f.Entry(EntryConfig{Listener: OpenListener(ListenerInfo{Frontend: name, Name: "here", Number: 1})})
		go func() { entry.Serve(far, time.Now()); close(done) }()
		go func() { _, _ = io.Copy(io.Discard, near) }()
		_, _ = near.Write(c.sent)
		_ = near.Close()
		<-done
	}
	type numbers struct {
		Accepted, Sessions, Open, In, Out                int64
		Hellos, Others, Waits, Durations, Refused        uint64
		BackendConns, ServerConns                        uint64
		Complete, Newest, PostQuantum                    uint64
		BackendIn, ServerIn, ListenerConns, ListenerOpen int64
	}
	sent := int64(len(hello))
	want := numbers{
		Accepted: 3, Sessions: 3, In: 2 * sent, Hellos: 2, Others: 1, Waits: 3, Durations: 3, Refused: 1,
		Complete: 2, Newest: 2, PostQuantum: 2,
		BackendConns: 2, ServerConns: 2, BackendIn: 2 * sent, ServerIn: 2 * sent, ListenerConns: 3,
	}
	settle(t, want, func() (got numbers) {
		m := AllMetrics()[name]
		got.Accepted, got.Sessions, got.Open, got.In = m.Accepted, m.Sessions, m.Connections, m.In
		got.Hellos, got.Others = m.Outcomes[clienthello.Found], m.Outcomes[clienthello.NotTLS]
		got.Waits, got.Durations, got.Refused = m.HelloWait.Count(), m.Duration.Count(), m.Refused[Refusal{Reason: "not_tls"}]
		got.Complete, got.Newest, got.PostQuantum = m.Hellos.Total, m.Hellos.Offered[4], m.Hellos.PostQuantum
		b, _ := balancer.Registry().Backend(web)
		got.BackendConns, got.BackendIn = b.Traffic.Connections, b.Traffic.In
		got.ServerConns, got.ServerIn = b.Servers[0].Traffic.Connections, b.Servers[0].Traffic.In
		for _, l := range AllListeners() {
			if l.Frontend == name {
				got.ListenerConns, got.ListenerOpen = l.Accepted, l.Connections
			}
		}
		return got
	})
}

// ended returns the record and the ending of a session.
func ended(tb testing.TB) (*tcplog.Record, *ending, *endCounts) {
	tb.Helper()
	r := tcplog.New("tls", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443})
	r.ServerName, r.Outcome, r.HelloWait, r.Queue, r.Connect = "www.example.test", clienthello.Found, time.Millisecond, 0, time.Millisecond
	r.AtStart = r.AppendPacked(nil)
	r.In, r.Out, r.Duration = 1500, 100_000, 2*time.Second
	return &r, &ending{end: tcplog.Complete, traffic: new(tally.Split[pool.BackendTraffic])}, new(endCounts)
}

// Counting allocates nothing, once each lane has been used.
func TestCountAllocatesNothing(t *testing.T) {
	r, e, counts := ended(t)
	ServerNames.Limit(100)
	defer ServerNames.Limit(0)
	if got := testing.AllocsPerRun(1000, func() { e.count(r, nil, counts) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// BenchmarkCount measures what metrics add to the end of each connection.
func BenchmarkCount(b *testing.B) {
	for name, limit := range map[string]int{"names": 100, "no names": 0} {
		b.Run(name, func(b *testing.B) {
			ServerNames.Limit(limit)
			defer ServerNames.Limit(0)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r, e, _ := ended(b)
				counts := new(endCounts)
				for pb.Next() {
					e.count(r, nil, counts)
				}
			})
		})
	}
}
