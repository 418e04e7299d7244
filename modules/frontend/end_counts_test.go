// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// Connections are counted by how they end, also those of an earlier frontend of the name.
func TestCountsOfEnds(t *testing.T) {
	server := programs.Listen(t, time.Minute, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })
	app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + server + `"}]}`})
	config := Config{Name: "counted-ends", MaxHello: 65536, InspectDelay: time.Hour}
	first, _ := frontendTo(app, "web", config)
	second, _ := frontendTo(app, "web", config) // as after a reload
	for _, c := range []struct {
		f    *Frontend
		sent []byte
	}{{first, hellotest.Hello(t, "a.example.test")}, {first, []byte("GET / HTTP/1.1\r\n\r\n")}, {second, hellotest.Hello(t, "a.example.test")}} {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() { c.f.Entry(EntryConfig{}).Serve(far, time.Now()); close(done) }()
		_, _ = near.Write(c.sent)
		_ = near.Close()
		<-done
	}
	want := Counts{Ended: map[string]int64{"complete": 2, "refused": 1}}
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		d := cmp.Diff(want, AllCounts()["counted-ends"])
		if d == "" {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("(-want +got):\n%s", d)
		}
	}
}
