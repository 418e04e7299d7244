// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// invalidLines are headers of version 1, or beginnings of them, that are refused at once. The first
// have 107 bytes, the greatest length of a line, and no end.
var invalidLines = []string{
	"PROXY " + strings.Repeat("x", 101), "PROXY UNKNOWN " + strings.Repeat("x", 93), "PROXY TCP4 " + strings.Repeat("1", 96),
	"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", lineOf4[:len(lineOf4)-2] + "\n", "PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP6 :: ::\r\n",
	"PROXY TCP4 198.51.100.7 192.0.2.1 50676\r\n", "PROXY TCP4 198.51.100.7 192.0.2.1 50676 443 1\r\n", "PROXY TCP4 2001:db8::7 192.0.2.1 50676 443\r\n",
	"PROXY TCP4 198.51.100.7 192.0.2.1 65536 443\r\n", "PROXY TCP4 198.51.100.7 192.0.2.1 -1 443\r\n", "PROXY TCP4 1198.51.100.7 192.0.2.1 1 443\r\n",
	"PROXY TCP4 " + strings.Repeat(" ", 20) + "\r\n", "PROXY TCP4 \x00 \x01 0 0\r\n", "PROXY TCP6 fe80::1%lo ::1 1 443\r\n",
}

// TestCVE_2021_23351: go-proxyproto read a line of any length. Here a line ends at 107 bytes, and
// the connection with it: the rest, up to a gigabyte, is not read.
func TestCVE_2021_23351(t *testing.T) {
	t.Parallel()
	p, address := startReceiver(t, "timeout_proxy_header 10m")
	before := p.footprint(t)
	talks := make([]talk, len(invalidLines))
	together(len(talks), func(i int) { talks[i] = speak(address, []byte(invalidLines[i]), 1<<20, false) })
	floods := make([]talk, 8)
	together(len(floods), func(i int) { floods[i] = flood(address, "PROXY TCP4 ", 1<<30) })
	lines := p.byPeer(t, len(talks)+len(floods))
	for i, got := range slices.Concat(talks, floods) {
		if l := lines[got.from()]; l.End != "proxy_header_invalid" || l.Termination != "PR" || l.Outcome != "none" || l.In != 0 || len(got.answer) > 0 {
			t.Errorf("%d: log line %+v, the client got %q", i, l, got.answer)
		}
	}
	// A header of version 2 announces 64 KiB: it costs what it has sent.
	const clients, each = 500, 4 << 10
	header := headerV2(localCommand, unspecified, make([]byte, 65535))
	held := make([]net.Conn, clients)
	for i := range held {
		held[i] = dial(t, address)
		if _, err := held[i].Write(header[:16]); err != nil {
			t.Fatal(err)
		}
	}
	now := p.parking(t, before, clients)
	if heap := (now.heap - before.heap) / clients; heap > each {
		t.Errorf("%d bytes of heap for each client, want %d at most", heap, each)
	}
	if more := now.goroutines - before.goroutines; more > 16 {
		t.Errorf("%d goroutines for %d clients", more, clients)
	}
	hello := hellotest.Hello(t, "www.example.test")
	if got := talkOn(held[0], slices.Concat(header[16:], hello), 1<<20, true); !bytes.Equal(got.answer, hello) {
		t.Errorf("the server got %d bytes (%v), want the %d of the hello", len(got.answer), got.err, len(hello))
	}
}

// flood sends a text over and over until the other side has ended the connection.
func flood(address, text string, most int) talk {
	d := net.Dialer{Timeout: patience, LocalAddr: ownSource()}
	c, err := d.Dial("tcp", address)
	if err != nil {
		return talk{err: err}
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	block := bytes.Repeat([]byte(text), 1<<14)
	for sent := 0; sent < most; sent += len(block) {
		if _, err := c.Write(block); err != nil {
			return talk{ends: endsOf(c)}
		}
	}
	return talk{ends: endsOf(c), answer: []byte("everything was read")}
}

// TestCVE_2021_23409: go-proxyproto waited for a header without a deadline. Here a client that is
// silent, or slow, ends when its time is over, however it divides its bytes, and costs no goroutine
// meanwhile. The rest of inspect_delay is for the hello.
func TestCVE_2021_23409(t *testing.T) {
	t.Parallel()
	const parked = 200
	line, v2 := []byte(lineOf4), headerV2(proxyCommand, tcp6, addresses6(), tlv(authorityTLV, "a.example"))
	hello := hellotest.Hello(t, "www.example.test")
	p, address := startReceiver(t, fmt.Sprintf("timeout_proxy_header %s", wait))
	slow := []hesitation{
		{"silence", [][]byte{nil}, 0, "proxy_header_timeout", true},
		{"half a line", [][]byte{line[:20]}, 0, "proxy_header_timeout", true},
		{"all but one byte", [][]byte{line[:len(line)-1]}, 0, "proxy_header_timeout", true},
		{"byte by byte", bytewise(line), wait / 20, "proxy_header_timeout", true},
		{"version 2 byte by byte", bytewise(v2), wait / 40, "proxy_header_timeout", true},
		{"version 2 without its addresses", [][]byte{v2[:16]}, 0, "proxy_header_timeout", true},
		{"the last byte too late", [][]byte{line[:len(line)-1], nil, line[len(line)-1:]}, midway, "proxy_header_timeout", true},
		{"a hello", [][]byte{hello}, 0, "proxy_header_missing", false},
		{"one byte of a hello", [][]byte{hello[:1]}, 0, "proxy_header_missing", false},
		{"P, then a hello", [][]byte{[]byte("P"), hello}, wait / 10, "proxy_header_missing", false},
	}
	before := p.footprint(t)
	silent := make([]net.Conn, parked)
	for i := range silent {
		silent[i] = dial(t, address)
	}
	if now := p.parking(t, before, parked); now.goroutines-before.goroutines > 16 {
		t.Errorf("%d goroutines for %d silent clients", now.goroutines-before.goroutines, parked)
	}
	took, peers := make([]time.Duration, len(slow)), make([]string, len(slow))
	together(len(slow), func(i int) {
		c, d, err := slow[i].play(address)
		if err != nil {
			t.Errorf("%s: %v", slow[i].name, err)
			return
		}
		took[i], peers[i] = d, c.LocalAddr().String()
		c.Close()
	})
	for _, c := range silent {
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	}
	lines := p.byPeer(t, len(slow)+parked)
	for i, s := range slow {
		letters := "cR"
		if !s.waits {
			letters = "PR"
		}
		if l := lines[peers[i]]; l.End != s.outcome || l.Termination != letters || l.Backend != "" {
			t.Errorf("%s: log line %+v, want %s", s.name, l, s.outcome)
		}
		if d := took[i]; d > late || s.waits && d < wait || !s.waits && d > wait {
			t.Errorf("%s: it took %v with a timeout of %v", s.name, d, wait)
		}
	}
	within(t, "goroutines", before.goroutines, func() int { return p.goroutines(t) })
	within(t, "descriptors", before.descriptors, func() int { return p.descriptors(t) })
}
