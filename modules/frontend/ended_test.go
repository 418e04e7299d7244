// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// The ends of connections are remembered with the facts of their log lines, and found by a filter.
func TestRecentEnds(t *testing.T) { // not parallel: the ends are the process's
	server := programs.Listen(t, time.Minute, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })
	web, name := unused("web"), unused("ends")
	app := newAppOf(t, map[string]string{web: `{"servers": [{"name": "s1", "address": "` + server + `"}]}`})
	f, _ := frontendTo(app, web, Config{Name: name, MaxHello: 65536, InspectDelay: time.Hour})
	hello := hellotest.Hello(t, "a.example.test")
	for _, sent := range [][]byte{hello, []byte("GET / HTTP/1.1\r\n\r\n")} {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() { f.Entry(EntryConfig{}).Serve(far, time.Now()); close(done) }()
		_, _ = near.Write(sent)
		_ = near.Close()
		<-done
	}
	find := func(f EndFilter) []string {
		f.Frontend = name
		var got []string
		for _, e := range RecentEnds(f, 0) {
			got = append(got, fmt.Sprint(e.Server, " ", e.Name, " ", e.Outcome, " ", e.End.Letters(), " ", e.In, " ", e.ID > 0 && time.Since(e.At) < time.Hour))
		}
		return got
	}
	session, refused := fmt.Sprintf("s1 a.example.test hello -- %d true", len(hello)), "  not_tls PR 0 true"
	settle(t, []string{refused, session}, func() []string { return find(EndFilter{}) })
	for what, c := range map[string]struct {
		f    EndFilter
		want []string
	}{
		"backend":       {EndFilter{Backend: web}, []string{session}},
		"server":        {EndFilter{Server: "s1"}, []string{session}},
		"name":          {EndFilter{Name: "*.Example.test"}, []string{session}},
		"letters":       {EndFilter{Letters: "PR"}, []string{refused}},
		"failed":        {EndFilter{Failed: true}, []string{refused}},
		"source":        {EndFilter{Source: netip.MustParsePrefix("192.0.2.0/24")}, nil},
		"another name":  {EndFilter{Name: "b.example.test"}, nil},
		"other letters": {EndFilter{Letters: "SC"}, nil},
	} {
		if got := find(c.f); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	if one := RecentEnds(EndFilter{Frontend: name}, 1); len(one) != 1 || one[0].End != tcplog.Refused {
		t.Errorf("the newest end: %+v", one)
	}
}

// The last ends stay, whichever goroutines counted them, and failures longer than others.
func TestRingsOfEnds(t *testing.T) {
	name := unused("ring")
	id := uint64(1) << 40 // no connection has such an ID
	end := func(end tcplog.End) {
		id++
		l := tally.Enter()
		defer l.Leave()
		r := tcplog.Record{Frontend: name, Error: strings.Repeat("e", 300)}
		recentEnds.In(l).add(&ending{id: id, at: epoch.Add(time.Duration(id)), end: end, by: relay.Server}, &r, &tcplog.Facts{ServerName: strings.Repeat("n", 300)})
	}
	end(tcplog.ConnectFailed)
	for range KeptEnds {
		var one sync.WaitGroup
		one.Go(func() { end(tcplog.Complete) })
		one.Wait()
	}
	all := RecentEnds(EndFilter{Frontend: name}, 0)
	if len(all) != KeptEnds || all[0].ID != id || all[KeptEnds-1].End != tcplog.Complete || len(all[0].Name) != maxEndText || len(all[0].Error) != maxEndText {
		t.Errorf("%d ends, from %+v", len(all), all[0])
	}
	if !slices.IsSortedFunc(all, func(a, b Ended) int { return int(b.ID) - int(a.ID) }) {
		t.Error("the ends are not sorted")
	}
	failed := RecentEnds(EndFilter{Frontend: name, Failed: true}, 0)
	if len(failed) != 1 || failed[0].End != tcplog.ConnectFailed || failed[0].By != relay.Server {
		t.Errorf("failures: %+v", failed)
	}
}

// A remembered end has a fixed size, and refers to no memory of the connection.
func TestEndSlot(t *testing.T) {
	if size := unsafe.Sizeof(endSlot{}); size > 232 {
		t.Errorf("%d bytes", size)
	}
	packed := (&tcplog.Record{ServerName: "a.example.test", Address: "10.0.0.1:443", Outcome: clienthello.Found, Version: 0x0304, Client: tcplog.AddrOf(&net.UnixAddr{Name: "/run/client"})}).AppendPacked(nil)
	r := tcplog.Record{AtStart: packed, Error: "broken"}
	facts := r.Facts()
	var s endSlot
	s.set(&ending{id: 1, at: time.Now()}, &r, &facts)
	clear(packed)
	if e := s.shown(); e.Name != "a.example.test" || e.Address != "10.0.0.1:443" || e.Error != "broken" || e.Version != 0x0304 || e.Client.String() != "/run/client" {
		t.Errorf("%+v", e)
	}
}
