// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// The families of version 2 of the PROXY protocol, with the transport, and its commands. A header
// here is written byte by byte, so that it does not depend on the package under test.
const (
	unspecified = 0x00
	tcp4, udp4  = 0x11, 0x12
	tcp6, udp6  = 0x21, 0x22
	unixStream  = 0x31
	unixDgram   = 0x32

	localCommand = 0x20
	proxyCommand = 0x21
)

// Types of TLVs.
const (
	alpnTLV      = 0x01
	authorityTLV = 0x02
	uniqueIDTLV  = 0x05
	customTLV    = 0xea
)

// headerV2 returns a header of version 2. Its length is that of the rest.
func headerV2(command, family byte, rest ...[]byte) []byte {
	all := slices.Concat(rest...)
	header := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, family)
	return append(binary.BigEndian.AppendUint16(header, uint16(len(all))), all...)
}

// tlv returns a TLV of a header of version 2.
func tlv(of byte, value string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{of}, uint16(len(value))), value...)
}

// checksummed returns a header of version 2 with a TLV for its checksum, which is right.
func checksummed(command, family byte, rest ...[]byte) []byte {
	header := headerV2(command, family, append(rest, tlv(3, "\x00\x00\x00\x00"))...)
	binary.BigEndian.PutUint32(header[len(header)-4:], crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)))
	return header
}

// The addresses in the headers of the tests: a client's, and the one that it connected to.
const (
	clientOf4, serverOf4 = "198.51.100.7:50676", "192.0.2.1:443"
	clientOf6, serverOf6 = "[2001:db8::7]:50676", "[2001:db8::1]:443"
)

// addresses4 and addresses6 return the same in a header of version 2.
func addresses4() []byte { return unhex("c6336407 c0000201 c5f4 01bb") }

func addresses6() []byte {
	return unhex("20010db8000000000000000000000007 20010db8000000000000000000000001 c5f4 01bb")
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

const (
	lineOf4 = "PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n"
	lineOf6 = "PROXY TCP6 2001:db8::7 2001:db8::1 50676 443\r\n"
)

// startReceiver runs a frontend of the app which takes headers from loopback, before an echo, and
// returns its address. options are more of the frontend's.
func startReceiver(t *testing.T, options string) (p *process, address string) {
	t.Helper()
	address = freeAddress(t)
	return start(t, receiver(address, listen(t, sendBack), options), ""), address
}

func receiver(address, server, options string) string {
	return fmt.Sprintf(`passthrough {
	frontend tls {
		bind %s {
			accept_proxy 127.0.0.0/8
		}
		inspect_delay 10m
		default_backend web
		%s
	}
	backend web {
		server s1 %s
	}
}`, address, options, server)
}

// byPeer waits for n log lines and returns them by the address that the connection came from, which
// is that of a talk.
func (p *process) byPeer(t *testing.T, n int) map[string]logLine {
	t.Helper()
	lines := make(map[string]logLine)
	for _, l := range p.sessions(t, n) {
		peer := cmp.Or(l.Peer, l.Client)
		if _, twice := lines[peer]; twice {
			t.Errorf("two log lines for %s", peer)
		}
		lines[peer] = l
	}
	return lines
}

// from returns the client's side of a talk's connection.
func (t *talk) from() string {
	from, _, _ := strings.Cut(t.ends, " to ")
	return from
}

// headerFaces are headers of all kinds that a receiver accepts, and the client and the local
// address that it logs then; empty: those of the connection itself.
var headerFaces = []struct {
	name          string
	header        []byte
	client, local string
	authority     string
}{
	{"v1 IPv4", []byte(lineOf4), clientOf4, serverOf4, ""},
	{"v1 IPv6", []byte(lineOf6), clientOf6, serverOf6, ""},
	{"v1 unknown", []byte("PROXY UNKNOWN\r\n"), "", "", ""},
	{"v1 unknown, with words", []byte("PROXY UNKNOWN " + strings.Repeat("x", 91) + "\r\n"), "", "", ""},
	{"v2 IPv4", headerV2(proxyCommand, tcp4, addresses4()), clientOf4, serverOf4, ""},
	{"v2 IPv6", headerV2(proxyCommand, tcp6, addresses6()), clientOf6, serverOf6, ""},
	{"v2 IPv4, TLVs", headerV2(proxyCommand, tcp4, addresses4(), tlv(authorityTLV, "a.example"), tlv(4, "\x00\x00")), clientOf4, serverOf4, "a.example"},
	{"v2 IPv6, checksum", checksummed(proxyCommand, tcp6, addresses6(), tlv(authorityTLV, "a.example")), clientOf6, serverOf6, "a.example"},
	{"v2 64 KiB", headerV2(proxyCommand, tcp4, addresses4(), tlv(customTLV, strings.Repeat("x", 65535-12-3))), clientOf4, serverOf4, ""},
	{"v2 local", headerV2(localCommand, unspecified), "", "", ""},
	{"v2 local, addresses and TLVs", headerV2(localCommand, tcp4, addresses4(), tlv(authorityTLV, "a.example")), "", "", ""},
	{"v2 local, 64 KiB of nothing", headerV2(localCommand, 0xff, make([]byte, 65535)), "", "", ""},
	{"v2 unspecified", headerV2(proxyCommand, unspecified), "", "", ""},
	{"v2 unspecified, TLVs", headerV2(proxyCommand, unspecified, tlv(authorityTLV, "a.example"), tlv(0x20, "\x00\x00\x00\x00\x00")), "", "", "a.example"},
	{"v2 unix", headerV2(proxyCommand, unixStream, make([]byte, 216)), "", "", ""},
	{"v2 unix, TLVs", headerV2(proxyCommand, unixStream, []byte(strings.Repeat("/", 216)), tlv(authorityTLV, "a.example")), "", "", "a.example"},
	{"v2 unix datagrams", headerV2(proxyCommand, unixDgram, make([]byte, 216)), "", "", ""},
	{"v2 UDP", headerV2(proxyCommand, udp4, addresses4()), "", "", ""},
	{"v2 UDP IPv6, TLVs", headerV2(proxyCommand, udp6, addresses6(), tlv(authorityTLV, "a.example")), "", "", "a.example"},
}

// TestHeaderFaces sends headers of all kinds, whole and in segments, before a hello: the server
// gets the hello and nothing of the header, and the log has the addresses.
func TestHeaderFaces(t *testing.T) {
	t.Parallel()
	p, address := startReceiver(t, "")
	checkFaces(t, p, address)
}

// checkFaces does that with a frontend before an echo.
func checkFaces(t *testing.T, p *process, address string) {
	t.Helper()
	hello := append(hellotest.Hello(t, "www.example.test"), "early data"...)
	sizes := []int{1 << 20, 7, 16, 1}
	talks := make([]talk, len(headerFaces)*len(sizes))
	before := len(p.sessions(t, 0))
	together(len(talks), func(i int) {
		raw, size := slices.Concat(headerFaces[i/len(sizes)].header, hello), sizes[i%len(sizes)]
		if size == 1 && len(raw) > 4000 || len(raw) > 60000 {
			size = 4001 // byte by byte takes too long
		}
		talks[i] = speak(address, raw, size, true)
	})
	lines := p.byPeer(t, before+len(talks))
	for i, got := range talks {
		face, l := headerFaces[i/len(sizes)], lines[got.from()]
		peer := got.from()
		if face.client == "" {
			peer = ""
		}
		if string(got.answer) != string(hello) || got.err != nil {
			t.Errorf("%s, segments of %d: the server got %d bytes of %d (%v)", face.name, sizes[i%len(sizes)], len(got.answer), len(hello), got.err)
		}
		if l.Client != cmp.Or(face.client, got.from()) || l.Local != cmp.Or(face.local, address) || l.Peer != peer || l.Authority != face.authority || l.Termination != "--" || int(l.In) != len(hello) {
			t.Errorf("%s, segments of %d: log line %+v", face.name, sizes[i%len(sizes)], l)
		}
	}
}

// until waits until a condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for over := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("%s: not in %v", what, patience)
		}
	}
}
