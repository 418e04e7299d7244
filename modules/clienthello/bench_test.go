// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// benchmarkHello returns the default hello of crypto/tls, about 1.5 KB with its post-quantum key
// share.
func benchmarkHello(tb testing.TB) []byte {
	return hellotest.Capture(tb, &tls.Config{ServerName: clientName, NextProtos: []string{"h2", "http/1.1"}})
}

func largestHello() []byte {
	return hellotest.Plain(hellotest.SNI(clientName)).Pad(DefaultMaxHello).Message()
}

// read inspects raw as a connection does: it reads at most size bytes at a time into Space.
func read(raw []byte, size int) (outcome Outcome) {
	i := NewInspection(0)
	if size == 1 {
		// The cost of copying bytes one by one must not count.
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
		{"1-byte records", hellotest.Records(hello[recordHeaderLen:], 1), 1 << 20},
		{"1-byte segments and records", hellotest.Records(hello[recordHeaderLen:], 1), 1},
		{"64 KiB", hellotest.Records(largest), 1 << 20},
		{"64 KiB in 1-byte segments", hellotest.Records(largest), 1},
		{"64 KiB in 1-byte records", hellotest.Records(largest, 1), 1 << 20},
		{"64 KiB in 1-byte segments and records", hellotest.Records(largest, 1), 1},
	} {
		b.Run(bm.name, func(b *testing.B) { benchmarkRead(b, bm.raw, bm.size, Found) })
	}
}

// benchmarkRead reports the time per byte received.
func benchmarkRead(b *testing.B, raw []byte, size int, want Outcome) {
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if outcome := read(raw, size); outcome != want {
			b.Fatal(outcome)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(raw)), "ns/B")
}

// A worstHello maximizes the cost per byte. It has as many entries as the highest limit permits, or
// the number in its name.
type worstHello struct {
	name    string
	message []byte
	want    Outcome
}

func worstHellos() []worstHello {
	extensions := func(count int) (block []byte) {
		for kind := range uint16(count) {
			block = append(block, hellotest.Extension(1000+kind, nil)...)
		}
		return block
	}
	listed := func(kind uint16, entry []byte, count int) []byte {
		return hellotest.Extension(kind, hellotest.Vector16(bytes.Repeat(entry, count)))
	}
	shortest := hellotest.ClientHello{Version: versionTLS12, CipherSuites: []byte{0, 1}, Compressions: []byte{0}}
	// A list of 32766 cipher suites would be longer than the limit for the whole hello.
	suites := shortest
	suites.CipherSuites = make([]byte, 2*32_748)
	capitals := strings.Repeat("A", maxNameLen)
	return []worstHello{
		{"shortest", shortest.Message(), Found},
		{"33 extensions", hellotest.Plain(extensions(33)).Message(), Found},
		{"10000 extensions", hellotest.Plain(extensions(10_000)).Message(), Found},
		{"10000 extensions, one again", hellotest.Plain(extensions(10_000), hellotest.Extension(1000, nil)).Message(), Malformed},
		{"16384 empty ALPN names", hellotest.Plain(listed(extensionALPN, []byte{0}, 16<<10)).Message(), Malformed},
		{"30000 ALPN names", hellotest.Plain(listed(extensionALPN, []byte{1, 'x'}, 30_000)).Message(), Found},
		{"13000 key shares", hellotest.Plain(listed(extensionKeyShare, hellotest.KeyShare(0x001d, []byte{1}), 13_000)).Message(), Found},
		{"21000 unknown names", hellotest.Plain(listed(extensionServerName, hellotest.SNIEntry(1, ""), 21_000)).Message(), Found},
		{"32748 cipher suites", suites.Message(), Found},
		{"32000 groups", hellotest.Plain(listed(extensionGroups, []byte{0, 29}, 32_000)).Message(), Found},
		{"name in capitals", hellotest.Plain(hellotest.SNI(capitals)).Message(), Found},
		{"64 KiB of padding", largestHello(), Found},
	}
}

func TestWorstHellos(t *testing.T) {
	for _, worst := range worstHellos() {
		for _, size := range []int{1, maxPlaintext} {
			raw := hellotest.Records(worst.message, size)
			if got := inspect(t, raw, 0, 1000).Outcome; got != worst.want {
				t.Errorf("%s in records of %d bytes: %v, want %v", worst.name, size, got, worst.want)
			}
		}
	}
}

// BenchmarkWorst compares with BenchmarkParse/whole, by the time per byte.
func BenchmarkWorst(b *testing.B) {
	for _, worst := range worstHellos() {
		cut := hellotest.Records(worst.message, 1)
		b.Run(worst.name, func(b *testing.B) { benchmarkRead(b, hellotest.Records(worst.message), 1<<20, worst.want) })
		b.Run(worst.name+"/1-byte records", func(b *testing.B) { benchmarkRead(b, cut, 1<<20, worst.want) })
		b.Run(worst.name+"/1-byte segments and records", func(b *testing.B) { benchmarkRead(b, cut, 1, worst.want) })
	}
}

// feed inspects raw by Feed, at most size bytes at a time.
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
