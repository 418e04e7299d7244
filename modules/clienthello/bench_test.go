// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// benchmarkHello is what crypto/tls sends by default: with a post-quantum key share it is about 1.5 KB long.
func benchmarkHello(tb testing.TB) []byte {
	return hellotest.Capture(tb, &tls.Config{ServerName: clientName, NextProtos: []string{"h2", "http/1.1"}})
}

func largestHello() []byte {
	h := plainHello(sni(clientName))
	h.extensions = concat(sni(clientName), extension(21, make([]byte, DefaultMaxHello-len(h.body())-4)))
	return h.message()
}

// read inspects raw as a connection does: it reads at most size bytes at a time into the space.
func read(raw []byte, size int) (outcome Outcome) {
	i := NewInspection(0)
	if size == 1 {
		// Copying bytes one by one is no part of what is measured.
		for _, c := range raw {
			i.Space()[0] = c
			outcome = i.Commit(1)
		}
		raw = nil
	}
	for len(raw) > 0 {
		n := copy(i.Space(), raw[:min(size, len(raw))])
		outcome = i.Commit(n)
		raw = raw[n:]
	}
	i.Release()
	return outcome
}

func BenchmarkParse(b *testing.B) {
	hello := benchmarkHello(b)
	largest := largestHello()
	for _, bm := range []struct {
		name string
		raw  []byte
		size int
	}{
		{"whole", hello, len(hello)},
		{"1-byte segments", hello, 1},
		{"1-byte records", records(hello[recordHeaderLen:], 1), 1 << 20},
		{"1-byte segments and records", records(hello[recordHeaderLen:], 1), 1},
		{"64 KiB", records(largest, maxPlaintext), 1 << 20},
		{"64 KiB in 1-byte segments", records(largest, maxPlaintext), 1},
		{"64 KiB in 1-byte segments and records", records(largest, 1), 1},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(int64(len(bm.raw)))
			b.ReportAllocs()
			for b.Loop() {
				if outcome := read(bm.raw, bm.size); outcome != Found {
					b.Fatal(outcome)
				}
			}
		})
	}
}

// BenchmarkWorst has the inputs that could cost most per byte.
func BenchmarkWorst(b *testing.B) {
	var empty []byte
	for kind := range uint16(10_000) {
		empty = append(empty, extension(1000+kind, nil)...)
	}
	var names []byte
	for range 20_000 {
		names = append(names, sniEntry(1, "")...)
	}
	var protocols []string
	for range 30_000 {
		protocols = append(protocols, "x")
	}
	for name, hello := range map[string]testHello{
		"10000 extensions":     plainHello(empty),
		"20000 unknown names":  plainHello(extension(extensionServerName, vector16(names))),
		"30000 ALPN protocols": plainHello(alpn(protocols...)),
	} {
		b.Run(name, func(b *testing.B) {
			raw := hello.raw()
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if outcome := read(raw, len(raw)); outcome != Found {
					b.Fatal(outcome)
				}
			}
		})
	}
}

// feed is read by way of Feed.
func feed(raw []byte, size int) (outcome Outcome) {
	i := NewInspection(0)
	for len(raw) > 0 {
		n := min(size, len(raw))
		outcome = i.Feed(raw[:n])
		raw = raw[n:]
	}
	i.Release()
	return outcome
}

func BenchmarkFeed(b *testing.B) {
	hello := benchmarkHello(b)
	for _, size := range []int{1, len(hello)} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			for b.Loop() {
				feed(hello, size)
			}
		})
	}
}
