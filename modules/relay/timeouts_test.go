// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"testing"
	"time"
)

// TestTimeouts runs in the test's own time.
func TestTimeouts(t *testing.T) {
	o := Options{ClientTimeout: 2 * time.Second, ServerTimeout: 5 * time.Second}
	for _, c := range []struct {
		name  string
		play  func(client, server player)
		by    Side
		after time.Duration
	}{
		{"silent client, server closes at the FIN", func(_, server player) {
			io.Copy(io.Discard, server)
			server.Close()
		}, Client, 2 * time.Second},
		{"both silent", func(_, server player) {
			io.Copy(io.Discard, server)
		}, Client, 5 * time.Second},
		{"a download keeps a silent client", func(client, server player) {
			go io.Copy(io.Discard, client)
			for range 10 {
				time.Sleep(1500 * time.Millisecond)
				server.Write([]byte("x"))
			}
			io.Copy(io.Discard, server)
			server.Close()
		}, Client, 17 * time.Second},
		{"an upload keeps a silent server, then it times out", func(client, server player) {
			go io.Copy(io.Discard, server)
			for range 8 {
				time.Sleep(time.Second)
				client.Write([]byte("x"))
			}
			client.CloseWrite()
		}, Server, 13 * time.Second},
		{"a client that takes nothing", func(client, server player) {
			go func() {
				for range 100 {
					time.Sleep(100 * time.Millisecond)
					if _, err := client.Write([]byte("x")); err != nil {
						return
					}
				}
			}()
			go io.Copy(io.Discard, server)
			server.Write(flood)
		}, Client, 2 * time.Second},
	} {
		timed(t, c.name, o, c.play, c.by, Timeout, c.after)
	}
}

// TestTimeoutsInPlaceOfOthers covers timeouts that replace others: HAProxy's tunnel, client-fin and
// server-fin.
func TestTimeoutsInPlaceOfOthers(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	closesAtFIN := func(_, server player) {
		io.Copy(io.Discard, server)
		server.Close()
	}
	for _, c := range []struct {
		name  string
		o     Options
		play  func(client, server player)
		by    Side
		cause Cause
		after time.Duration
	}{
		{"both for as long", Options{ClientTimeout: 2 * s, ServerTimeout: 2 * s}, closesAtFIN, Client, Timeout, 2 * s},
		{"both, after a word of the server", Options{ClientTimeout: 2 * s, ServerTimeout: 2 * s}, func(client, server player) {
			go io.Copy(io.Discard, client)
			server.Write([]byte("x"))
			closesAtFIN(client, server)
		}, Client, Timeout, 2 * s},
		{"the server's a moment sooner", Options{ClientTimeout: 2 * s, ServerTimeout: 1985 * ms}, func(_, server player) {
			io.Copy(io.Discard, server)
		}, Client, Timeout, 2 * s},
		{"tunnel is longer", Options{ClientTimeout: 500 * ms, ServerTimeout: s, Tunnel: 2 * s}, closesAtFIN, Client, Timeout, 2 * s},
		{"tunnel is shorter", Options{ClientTimeout: 10 * s, ServerTimeout: 10 * s, Tunnel: s}, closesAtFIN, Client, Timeout, s},
		{"tunnel is for the server, too", Options{ClientTimeout: 10 * s, ServerTimeout: 10 * s, Tunnel: s}, func(client, _ player) {
			client.CloseWrite()
		}, Server, Timeout, s},
		{"tunnel never", Options{ClientTimeout: s, ServerTimeout: s, Tunnel: -1}, func(client, server player) {
			time.Sleep(time.Hour)
			client.CloseWrite()
			closesAtFIN(client, server)
		}, Client, Closed, time.Hour},
		{"server-fin after the client has finished", Options{ClientTimeout: 5 * s, ServerTimeout: 5 * s, ServerFin: 700 * ms}, func(client, _ player) {
			client.CloseWrite()
		}, Server, Timeout, 700 * ms},
		{"client-fin after the server has finished", Options{ClientTimeout: 5 * s, ServerTimeout: 5 * s, ClientFin: 700 * ms}, func(_, server player) {
			server.CloseWrite()
		}, Client, Timeout, 700 * ms},
		{"fin counts from when one has finished", Options{ClientTimeout: 5 * s, ServerTimeout: 5 * s, ClientFin: s}, func(client, server player) {
			go io.Copy(io.Discard, client)
			time.Sleep(3 * s)
			server.CloseWrite()
		}, Client, Timeout, 4 * s},
		{"fin is longer", Options{ClientTimeout: s, ServerTimeout: s, ServerFin: 3 * s}, func(client, _ player) {
			time.Sleep(500 * ms)
			client.CloseWrite()
		}, Server, Timeout, 3500 * ms},
		{"fin and tunnel", Options{Tunnel: time.Hour, ClientFin: s}, func(_, server player) {
			server.CloseWrite()
		}, Client, Timeout, s},
		{"fin alone", Options{ServerFin: s}, func(client, _ player) {
			time.Sleep(time.Hour)
			client.CloseWrite()
		}, Server, Timeout, time.Hour + s},
		{"fin never", Options{ClientTimeout: s, ServerTimeout: s, ClientFin: -1}, func(client, server player) {
			server.CloseWrite()
			time.Sleep(time.Hour)
			client.Close()
		}, Server, Closed, time.Hour},
		{"client, then server-fin", Options{ClientTimeout: 2 * s, ServerTimeout: time.Hour, ServerFin: s}, func(_, server player) {
			io.Copy(io.Discard, server)
		}, Client, Timeout, 3 * s},
		{"what the server still sends keeps it", Options{ServerTimeout: time.Hour, ServerFin: s}, func(client, server player) {
			go io.Copy(io.Discard, client)
			client.CloseWrite()
			for range 10 {
				time.Sleep(900 * ms)
				server.Write([]byte("x"))
			}
		}, Server, Timeout, 10 * s},
		{"client-fin is for writing, too", Options{ClientTimeout: 10 * s, ClientFin: s}, func(client, server player) {
			server.Write([]byte("x")) // leaves a deadline of 10 s behind
			io.ReadFull(client, make([]byte, 1))
			client.CloseWrite()
			time.Sleep(500 * ms)
			server.Write(flood)
		}, Client, Timeout, 1500 * ms},
		{"never, in the middle of a write", Options{ClientTimeout: s, ClientFin: -1}, func(client, server player) {
			time.Sleep(200 * ms)
			go server.Write([]byte("taken late"))
			time.Sleep(300 * ms)
			client.CloseWrite()
			time.Sleep(9500 * ms)
			io.ReadFull(client, make([]byte, 10))
			server.Close()
		}, Client, Closed, 10 * s},
		{"no deadline is left behind", Options{ClientTimeout: s, ClientFin: -1}, func(client, server player) {
			go server.Write([]byte("x"))
			io.ReadFull(client, make([]byte, 1))
			client.CloseWrite()
			time.Sleep(3 * s)
			go server.Write([]byte("taken late"))
			time.Sleep(7 * s)
			io.ReadFull(client, make([]byte, 10))
			server.Close()
		}, Client, Closed, 10 * s},
	} {
		timed(t, c.name, c.o, c.play, c.by, c.cause, c.after)
	}
}
