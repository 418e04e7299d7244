// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"net"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// A record that has been packed logs the same line.
func TestPackedRecordLogsSameLine(t *testing.T) {
	addresses := []net.Addr{
		nil,
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 65535},
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "eth0"}, &net.UnixAddr{Name: "/run/x.sock", Net: "unix"}, new(net.TCPAddr),
	}
	rapid.Check(t, func(r *rapid.T) {
		wait := rapid.Custom(func(r *rapid.T) time.Duration {
			return rapid.SampledFrom([]time.Duration{NotReached, 0, time.Microsecond, time.Hour, 1 << 62}).Draw(r, "time")
		})
		count := rapid.IntRange(0, 1<<30)
		want := Record{
			Accepted: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(r, "accepted")),
			Client:   AddrOf(rapid.SampledFrom(addresses).Draw(r, "client")), Local: AddrOf(rapid.SampledFrom(addresses).Draw(r, "local")),
			Peer: AddrOf(rapid.SampledFrom(addresses).Draw(r, "peer")), Authority: rapid.String().Draw(r, "authority"), UniqueID: rapid.String().Draw(r, "unique ID"),
			Address: rapid.String().Draw(r, "address"),
			Outcome: clienthello.Outcome(rapid.IntRange(0, 3).Draw(r, "outcome")), Uninspected: rapid.Bool().Draw(r, "uninspected"),
			ServerName: rapid.String().Draw(r, "sni"), ALPN: rapid.SampledFrom([]Protocols{"", "\x02h2", "\x02h2\x08http/1.1"}).Draw(r, "alpn"),
			Version:   rapid.SampledFrom([]uint16{0, 0x0303, 0x0304, 0xffff}).Draw(r, "version"),
			HelloWait: wait.Draw(r, "hello"), Queue: wait.Draw(r, "queue"), Connect: wait.Draw(r, "connect"),
			ServerQueue: count.Draw(r, "server queue"), BackendQueue: count.Draw(r, "backend queue"),
			Retries: count.Draw(r, "retries"), Redispatched: rapid.Bool().Draw(r, "redispatched"),
		}
		got := Record{AtStart: want.AppendPacked(nil)}
		if a, b := written(t, want), written(t, got); a != b {
			t.Errorf("packed %s\nnot    %s", b, a)
		}
		if a, b := want.Facts(), got.Facts(); a != b {
			t.Errorf("facts when packed: %v\nnot packed: %v", b, a)
		}
	})
}

// atTheEnd lists the fields of a record that are set when a session ends, or that all sessions of
// a frontend and a backend share.
var atTheEnd = []string{"Frontend", "Backend", "Server", "Duration", "In", "Out", "ActConn", "FEConn", "BEConn", "SrvConn", "End", "EndedBy", "Error", "EndValues", "ServerVersion", "ServerAlert"}

// No field of a record is lost during its session, nor in the queue.
func TestEveryFieldIsPacked(t *testing.T) {
	decoded := func(r *Record, field []int) any {
		e := entry{text: string(appendEntry(nil, time.Now(), r, Closed, Info)[4:])}
		got := e.record()
		return reflect.ValueOf(&got).Elem().FieldByIndex(field).Addr().Interface()
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Record]()) {
		if field.Name == "AtStart" || field.Name == "Silent" { // Write reads them
			continue
		}
		want := Record{Redispatched: field.Name == "Moved"}
		value := reflect.ValueOf(&want).Elem().FieldByIndex(field.Index)
		switch v := value.Addr().Interface().(type) {
		case *Addr:
			*v = AddrOf(client)
		case *time.Time:
			*v = time.UnixMicro(1_790_000_000_123_456)
		case *Protocols:
			*v = "\x02h2"
		case *string:
			*v = "x"
		case *bool:
			*v = true
		default:
			if value.CanInt() {
				value.SetInt(2)
			} else {
				value.SetUint(2)
			}
		}
		if got := decoded(&want, field.Index); !reflect.DeepEqual(got, value.Addr().Interface()) {
			t.Errorf("%s: %v is %v in the queue", field.Name, value.Addr(), got)
		}
		got := decoded(&Record{AtStart: want.AppendPacked(nil)}, field.Index)
		kept := reflect.DeepEqual(got, value.Addr().Interface())
		if kept == slices.Contains(atTheEnd, field.Name) {
			t.Errorf("%s: %v is %v after packing", field.Name, value.Addr(), got)
		}
	}
}

// The packed record of an ordinary connection takes little memory.
func TestPackedIsSmall(t *testing.T) {
	r := New("https", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 51234}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443})
	r.ServerName, r.ALPN, r.Version = "www.example.com", "\x02h2\x08http/1.1", 0x0304
	r.Accepted = time.Unix(1_790_000_000, 0)
	r.HelloWait, r.Queue, r.Connect = 12345*time.Microsecond, 0, 6789*time.Microsecond
	if n := len(r.AppendPacked(nil)); n > 80 {
		t.Errorf("%d bytes", n)
	}
}
