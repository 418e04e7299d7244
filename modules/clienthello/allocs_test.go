// SPDX-License-Identifier: Apache-2.0

//go:build !race

package clienthello

import (
	"runtime/debug"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestNoAllocations does not run under the race detector, which makes sync.Pool drop items.
func TestNoAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	hello := benchmarkHello(t)
	inputs := map[string][]byte{
		"one record":     hello,
		"1-byte records": hellotest.Records(hello[recordHeaderLen:], 1),
		"malformed":      hellotest.Plain(hellotest.SNI("a.example", "b.example")).Raw(),
		"not TLS":        []byte("GET / HTTP/1.1\r\n"),
		"too large":      hellotest.Records([]byte{1, 0xff, 0xff, 0xff}, 1),
		"cut off":        hello[:len(hello)-1],
	}
	for _, worst := range worstHellos() {
		inputs[worst.name] = hellotest.Records(worst.message)
		inputs[worst.name+" in 1-byte records"] = hellotest.Records(worst.message, 1)
	}
	for name, raw := range inputs {
		for _, size := range []int{1, 1000, len(raw)} {
			if got := testing.AllocsPerRun(10, func() { read(raw, size) }); got >= 1 {
				t.Errorf("%s in segments of %d bytes: %v allocations", name, size, got)
			}
		}
	}
}

// TestParseDoesNotAllocate uses hellos in one record: Parse copies one that spans several.
func TestParseDoesNotAllocate(t *testing.T) {
	for _, raw := range [][]byte{benchmarkHello(t), fullHello().Raw(), []byte("GET")} {
		if got := testing.AllocsPerRun(20, func() { Parse(raw) }); got >= 1 {
			t.Errorf("%.20q: %v allocations", raw, got)
		}
	}
}

func TestNoAllocationsInFields(t *testing.T) {
	hello, err := Parse(fullHello().Raw())
	if err != nil {
		t.Fatal(err)
	}
	var n int
	got := testing.AllocsPerRun(20, func() {
		if hello.ServerNameIsIP() {
			n++
		}
		n += len(hello.ServerName()) + int(hello.Version()) + len(VersionName(hello.Version()))
		n += len(hello.SessionID()) + len(hello.PointFormats()) + hello.Groups().Len() + int(hello.Groups().At(0))
		if hello.HasServerName() && hello.PostQuantum() && hello.PSK() && hello.EarlyData() && hello.ECH() {
			n++
		}
		for protocol := range hello.ALPN() {
			n += len(protocol)
		}
		for _, list := range []Uint16s{hello.CipherSuites(), hello.Groups(), hello.SignatureAlgorithms(), hello.SupportedVersions()} {
			for value := range list.All() {
				n += int(value)
			}
		}
		for value := range hello.Extensions() {
			n += int(value)
		}
		for value := range hello.KeyShares() {
			n += int(value)
		}
	})
	if got >= 1 {
		t.Errorf("%v allocations", got)
	}
}
