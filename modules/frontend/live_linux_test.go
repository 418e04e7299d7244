// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// notSocket hides the socket of a connection, so that its session is copied.
type notSocket struct{ net.Conn }

// liveWays are the ways to serve a connection that differ in where it is found.
func liveWays() map[string]func(*Frontend, *relay.Socket) error {
	all := maps.Clone(ways)
	all["copied"] = func(f *Frontend, s *relay.Socket) error {
		go f.Entry(EntryConfig{}).Serve(notSocket{s}, time.Now())
		return nil
	}
	return all
}

// greeting starts a server that sends two bytes to each client.
func greeting(t testing.TB) string {
	return programs.Listen(t, time.Minute, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("hi"))
		_, _ = io.Copy(io.Discard, c)
	})
}

// awaitLive waits until the connections of a frontend are at certain stages, the oldest first.
func awaitLive(t *testing.T, f LiveFilter, want ...Stage) []Live {
	t.Helper()
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		list, total := AllLive(f, 0)
		same := len(list) == len(want) && total == len(list)
		for i := 0; same && i < len(list); i++ {
			same = list[i].Stage == want[i] && list[i].Name != "" == (want[i] > AtHello)
		}
		if same {
			return list
		}
		if time.Now().After(over) {
			t.Fatalf("got %+v, want %v", list, want)
		}
	}
}

// TestLive follows connections through their stages, and ends them there.
func TestLive(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	for way, serve := range liveWays() {
		t.Run(way, func(t *testing.T) {
			app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + greeting(t) + `", "maxconn": 1}]}`})
			f, logged := frontendTo(app, "web", Config{Name: "live " + way, MaxHello: 65536, InspectDelay: time.Hour})
			connect := func() *net.TCPConn {
				client, socket := accepted(t)
				t.Cleanup(func() { client.Close() })
				_ = client.SetDeadline(time.Now().Add(time.Minute))
				if err := serve(f, socket); err != nil {
					t.Fatal(err)
				}
				return client
			}
			all := LiveFilter{Frontend: f.Name}
			first := connect()
			silent := awaitLive(t, all, AtHello)[0]
			if silent.Client.String() != first.LocalAddr().String() || silent.Local.String() != first.RemoteAddr().String() || silent.Backend != "" || silent.ID == 0 {
				t.Errorf("a silent client: %+v", silent)
			}
			sends(hello)(t, first)
			if _, err := io.ReadFull(first, make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
			served := awaitLive(t, all, AtSession)[0]
			for served.Out == 0 { // bytes are counted once they are written
				served = awaitLive(t, all, AtSession)[0]
			}
			if served.ID != silent.ID || served.Client != silent.Client || served.Started.Sub(silent.Started).Abs() > time.Millisecond {
				t.Errorf("the session %+v was %+v before", served, silent)
			}
			if served.Backend != "web" || served.Server != "s1" || served.Name != "a.example.test" || served.In != int64(len(hello)) || served.Out != 2 || !strings.HasPrefix(served.Address, "127.0.0.1:") {
				t.Errorf("a session: %+v", served)
			}
			second := connect()
			sends(hello)(t, second)
			queued := awaitLive(t, all, AtSession, AtQueue)[1]
			connect()
			silent = awaitLive(t, all, AtSession, AtQueue, AtHello)[2]
			if l, ok := LiveOf(queued.ID); !ok || l.Stage != AtQueue {
				t.Errorf("the connection in the queue is %+v, %v", l, ok)
			}
			for _, id := range []uint64{silent.ID, queued.ID, served.ID} {
				if !EndLiveOf(id) {
					t.Errorf("connection %d is not found", id)
				}
			}
			awaitNoConnections(t)
			if EndLiveOf(served.ID) || EndLive(all) != 0 {
				t.Error("a connection was ended twice")
			}
			if _, err := first.Read(make([]byte, 1)); err == nil {
				t.Error("the client of an ended session can read")
			}
			var ends []string // in any order: each connection is another goroutine's
			for _, line := range linesOf(t, f, logged) {
				fields := line.ContextMap()
				if fields["error"] != ErrEnded.Error() {
					t.Errorf("logged as %v", fields)
				}
				ends = append(ends, fields["termination"].(string))
			}
			if slices.Sort(ends); !slices.Equal(ends, []string{"KD", "KQ", "KR"}) {
				t.Errorf("the ends are %s", ends)
			}
		})
	}
}

// TestLiveFilters lists connections by what they have in common.
func TestLiveFilters(t *testing.T) {
	app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + greeting(t) + `"}]}`})
	f, _ := frontendTo(app, "web", Config{Name: "filters", MaxHello: 65536, InspectDelay: time.Hour})
	for _, name := range []string{"a.example.test", "b.example.test", "example.test"} {
		client, socket := accepted(t)
		defer client.Close()
		if err := ways["fast"](f, socket); err != nil {
			t.Fatal(err)
		}
		sends(hellotest.Hello(t, name))(t, client)
	}
	all := awaitLive(t, LiveFilter{Frontend: "filters"}, AtSession, AtSession, AtSession)
	for name, c := range map[string]struct {
		filter LiveFilter
		want   int
	}{
		"the backend":        {LiveFilter{Backend: "web"}, 3},
		"another backend":    {LiveFilter{Backend: "none"}, 0},
		"the server":         {LiveFilter{Server: "s1"}, 3},
		"another server":     {LiveFilter{Server: "s2"}, 0},
		"loopback":           {LiveFilter{Source: netip.MustParsePrefix("127.0.0.0/8")}, 3},
		"another network":    {LiveFilter{Source: netip.MustParsePrefix("10.0.0.0/8")}, 0},
		"a name":             {LiveFilter{Name: "A.example.test"}, 1},
		"names below one":    {LiveFilter{Name: "*.example.test"}, 2},
		"older than an hour": {LiveFilter{OlderThan: time.Hour}, 0},
		"older":              {LiveFilter{OlderThan: 1}, 3},
		"idle for an hour":   {LiveFilter{IdleFor: time.Hour}, 0},
		"idle":               {LiveFilter{IdleFor: 1}, 3},
	} {
		c.filter.Frontend = "filters"
		if list, total := AllLive(c.filter, 0); len(list) != c.want || total != c.want {
			t.Errorf("%s: %d of %d connections, want %d", name, len(list), total, c.want)
		}
	}
	if list, total := AllLive(LiveFilter{Frontend: "filters"}, 2); len(list) != 2 || total != 3 || list[0].ID != all[0].ID || list[1].ID != all[1].ID {
		t.Errorf("the first two are %+v of %d", list, total)
	}
	if n := EndLive(LiveFilter{Frontend: "filters", Name: "b.example.test"}); n != 1 {
		t.Errorf("%d connections were ended", n)
	}
	if left := awaitLive(t, LiveFilter{Frontend: "filters"}, AtSession, AtSession); left[0].Name == "b.example.test" || left[1].Name == "b.example.test" {
		t.Errorf("left are %+v", left)
	}
	EndLive(LiveFilter{Frontend: "filters"})
	awaitNoConnections(t)
}

// TestLiveWhileConnectionsEnd lists and ends connections that come and go meanwhile, in a frontend
// that reloads replace.
func TestLiveWhileConnectionsEnd(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	server := greeting(t)
	over := make(chan struct{})
	var listing sync.WaitGroup
	for range 2 {
		listing.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				list, _ := AllLive(LiveFilter{}, 0)
				for _, l := range list {
					if l.Stage == AtSession && l.Backend == "web" && (l.Name != "a.example.test" || l.Client == tcplog.Addr{}) {
						t.Errorf("a session: %+v", l)
					}
					if l.ID%3 == 0 {
						EndLiveOf(l.ID)
					}
				}
			}
		})
	}
	var serving sync.WaitGroup
	for way, serve := range liveWays() {
		app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + server + `", "maxconn": 2}]}`})
		f, _ := frontendTo(app, "web", Config{Name: "ending " + way, MaxHello: 65536, InspectDelay: time.Hour})
		listing.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(time.Millisecond):
					next, _ := frontendTo(app, "web", Config{Name: f.Name, MaxHello: 65536, InspectDelay: time.Hour})
					next.setActive()
				}
			}
		})
		for range 4 {
			serving.Go(func() {
				for range 50 {
					client, socket := accepted(t)
					_ = client.SetDeadline(time.Now().Add(time.Minute))
					if err := serve(f, socket); err != nil {
						t.Error(err)
					}
					_, _ = client.Write(hello)
					_, _ = io.ReadFull(client, make([]byte, 2)) // it may be ended
					client.Close()
				}
			})
		}
	}
	serving.Wait()
	close(over)
	listing.Wait()
	awaitNoConnections(t)
}

// TestLiveAtShutdown lists and ends connections while the end of the process does so.
func TestLiveAtShutdown(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	server := greeting(t)
	defer liveConns.closed.Store(false) // for other tests
	for way, serve := range liveWays() {
		app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + server + `", "maxconn": 10}]}`})
		f, _ := frontendTo(app, "web", Config{Name: "shutdown " + way, MaxHello: 65536, InspectDelay: time.Hour})
		for i := range 30 {
			client, socket := accepted(t)
			defer client.Close()
			if err := serve(f, socket); err != nil {
				t.Fatal(err)
			}
			if i%3 != 0 {
				sends(hello)(t, client)
			}
		}
	}
	var ending sync.WaitGroup
	for range 2 {
		ending.Go(func() {
			for liveConns.count() > 0 {
				if list, _ := AllLive(LiveFilter{}, 5); len(list) > 0 {
					EndLiveOf(list[0].ID)
				}
			}
		})
	}
	ending.Go(liveConns.closeAll)
	ending.Wait()
	awaitNoConnections(t)
	if list, total := AllLive(LiveFilter{}, 0); len(list) != 0 || total != 0 {
		t.Errorf("left are %+v", list)
	}
}
