// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// A record that has been packed logs the same line.
func TestPack(t *testing.T) {
	addresses := []net.Addr{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 65535},
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "eth0"}, &net.UnixAddr{Name: "/run/x.sock", Net: "unix"}, new(net.TCPAddr),
	}
	rapid.Check(t, func(r *rapid.T) {
		wait := rapid.Custom(func(r *rapid.T) time.Duration {
			return rapid.SampledFrom([]time.Duration{NotReached, 0, time.Microsecond, time.Hour, 1 << 62}).Draw(r, "time")
		})
		count := rapid.IntRange(0, 1<<30)
		want := Record{
			Client: rapid.SampledFrom(addresses).Draw(r, "client"), Local: rapid.SampledFrom(addresses).Draw(r, "local"),
			Address: rapid.String().Draw(r, "address"),
			Outcome: clienthello.Outcome(rapid.IntRange(0, 3).Draw(r, "outcome")), Uninspected: rapid.Bool().Draw(r, "uninspected"),
			ServerName: rapid.String().Draw(r, "sni"), ALPN: rapid.SliceOfN(rapid.String(), 0, maxALPN).Draw(r, "alpn"),
			Version:   rapid.SampledFrom([]uint16{0, 0x0303, 0x0304, 0xffff}).Draw(r, "version"),
			HelloWait: wait.Draw(r, "hello"), Queue: wait.Draw(r, "queue"), Connect: wait.Draw(r, "connect"),
			ServerQueue: count.Draw(r, "server queue"), BackendQueue: count.Draw(r, "backend queue"),
			Retries: count.Draw(r, "retries"), Redispatched: rapid.Bool().Draw(r, "redispatched"),
		}
		got := want.Pack().Unpack()
		if a, b := written(t, want), written(t, got); a != b {
			t.Errorf("packed %s\nnot    %s", b, a)
		}
	})
}

// What is packed of an ordinary connection is little.
func TestPackedIsSmall(t *testing.T) {
	r := New("https", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 51234}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443})
	r.ServerName, r.ALPN, r.Version = "www.example.com", []string{"h2", "http/1.1"}, 0x0304
	r.HelloWait, r.Queue, r.Connect = 12345*time.Microsecond, 0, 6789*time.Microsecond
	if n := len(r.Pack()); n > 80 {
		t.Errorf("%d bytes", n)
	}
}
