// SPDX-License-Identifier: Apache-2.0

//go:build !race

package clienthello

import "testing"

// TestNoAllocations is not for the race detector, under which sync.Pool drops what it is given.
func TestNoAllocations(t *testing.T) {
	hello := benchmarkHello(t)
	message := hello[recordHeaderLen:]
	largest := largestHello()
	for name, raw := range map[string][]byte{
		"one record":        hello,
		"1-byte records":    records(message, 1),
		"64 KiB":            records(largest, maxPlaintext),
		"malformed":         plainHello(sni("a.example", "b.example")).raw(),
		"not TLS":           []byte("GET / HTTP/1.1\r\n"),
		"too large":         records([]byte{1, 0xff, 0xff, 0xff}, 1),
		"cut off":           hello[:len(hello)-1],
		"many empty ALPN":   plainHello(extension(extensionALPN, vector16(make([]byte, 16<<10)))).raw(),
		"many unknown ones": plainHello(extension(4711, make([]byte, 60_000))).raw(),
	} {
		for _, size := range []int{1, len(raw)} {
			if got := testing.AllocsPerRun(20, func() { read(raw, size) }); got >= 1 {
				t.Errorf("%s in segments of %d bytes: %v allocations", name, size, got)
			}
		}
	}
}

func TestNoAllocationsInFields(t *testing.T) {
	hello, err := Parse(plainHello(sni("a.example"), alpn("h2", "http/1.1"), supportedVersions(versionTLS13)).raw())
	if err != nil {
		t.Fatal(err)
	}
	var n int
	got := testing.AllocsPerRun(20, func() {
		n += len(hello.ServerName()) + int(hello.Version()) + len(VersionName(hello.Version()))
		for protocol := range hello.ALPN() {
			n += len(protocol)
		}
	})
	if got >= 1 {
		t.Errorf("%v allocations", got)
	}
}
