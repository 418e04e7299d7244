// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A walk holds the fields of a hello as found by positions alone, without the code under test.
type walk struct {
	sessionID []byte
	suites    []byte
	block     bool // of extensions
	types     []uint16
	data      map[uint16][]byte
}

// walkThrough parses a valid message. It may panic on any other.
func walkThrough(message []byte) walk {
	number := func(at int) int { return int(binary.BigEndian.Uint16(message[at:])) }
	var w walk
	at := handshakeHeaderLen + 2 + 32
	w.sessionID = message[at+1 : at+1+int(message[at])]
	at += 1 + int(message[at])
	w.suites = message[at+2 : at+2+number(at)]
	at += 2 + number(at)
	at += 1 + int(message[at])
	w.data = make(map[uint16][]byte)
	if at == len(message) {
		return w
	}
	w.block = true
	for at += 2; at < len(message); at += 4 + number(at+2) {
		kind := uint16(number(at))
		w.types = append(w.types, kind)
		w.data[kind] = message[at+4 : at+4+number(at+2)]
	}
	return w
}

// firstMessage returns the handshake message at the beginning of raw, which must have one.
func firstMessage(raw []byte) (message []byte) {
	for len(message) < handshakeHeaderLen || len(message) < handshakeHeaderLen+int(message[1])<<16+int(message[2])<<8+int(message[3]) {
		size := min(int(raw[3])<<8+int(raw[4]), len(raw)-recordHeaderLen)
		message = append(message, raw[recordHeaderLen:recordHeaderLen+size]...)
		raw = raw[recordHeaderLen+size:]
	}
	return message[:handshakeHeaderLen+int(message[1])<<16+int(message[2])<<8+int(message[3])]
}

// checkFields compares a hello with the result of walkThrough: each list, encoded again, must equal
// its extension.
func checkFields(t testing.TB, h *Hello, message []byte) {
	t.Helper()
	var v verdict
	v.show(h)
	w := walkThrough(message)
	if !slices.Equal(v.Extensions, w.types) || len(w.types) != len(w.data) {
		t.Fatalf("extensions %d, want %d", v.Extensions, w.types)
	}
	if v.SessionID != string(w.sessionID) || !bytes.Equal(hellotest.Uint16s(v.CipherSuites...), w.suites) {
		t.Fatalf("session id %x, cipher suites %04x in %x", v.SessionID, v.CipherSuites, message)
	}
	for kind, written := range map[uint16][]byte{
		extensionGroups:            hellotest.Groups(v.Groups...),
		extensionPointFormats:      hellotest.PointFormats([]byte(v.PointFormats)...),
		extensionSignatures:        hellotest.SignatureAlgorithms(v.SignatureAlgorithms...),
		extensionALPN:              hellotest.ALPN(v.ALPN...),
		extensionSupportedVersions: hellotest.SupportedVersions(v.SupportedVersions...),
	} {
		data, present := w.data[kind]
		if present && !bytes.Equal(written, hellotest.Extension(kind, data)) || !present && len(bytes.Trim(written[4:], "\x00")) > 0 {
			t.Fatalf("extension %d: %x (%v), read as %x", kind, data, present, written)
		}
	}
	for kind, data := range w.data {
		if got, present := h.Extension(kind); !present || !bytes.Equal(got, data) {
			t.Fatalf("extension %d: %x (%v), want %x", kind, got, present, data)
		}
	}
	absent := uint16(0x7f7f)
	for slices.Contains(w.types, absent) {
		absent++
	}
	if data, present := h.Extension(absent); present {
		t.Fatalf("extension %d: %x, and it is not there", absent, data)
	}
	if h.Len() != len(message)-handshakeHeaderLen || h.HasExtensions() != w.block || !bytes.Equal(h.CipherSuites().Bytes(), w.suites) {
		t.Fatalf("length %d, extensions %v, cipher suites %x in %x", h.Len(), h.HasExtensions(), h.CipherSuites().Bytes(), message)
	}
	for kind, got := range map[uint16]bool{
		extensionPreSharedKey: v.PSK, extensionEarlyData: v.EarlyData, extensionECH: v.ECH,
	} {
		if got != slices.Contains(w.types, kind) {
			t.Fatalf("extension %d: %v among %d", kind, got, w.types)
		}
	}
	checkShares(t, v, w)
	checkName(t, v, w)
	checkClipped(t, h)
}

func checkShares(t testing.TB, v verdict, w walk) {
	t.Helper()
	var groups []uint16
	postQuantum := false
	list := w.data[extensionKeyShare]
	for at := 2; at < len(list); at += 4 + int(list[at+2])<<8 + int(list[at+3]) {
		group := binary.BigEndian.Uint16(list[at:])
		groups = append(groups, group)
		postQuantum = postQuantum || isPostQuantum(group)
	}
	if !slices.Equal(v.KeyShares, groups) || v.PostQuantum != postQuantum {
		t.Fatalf("key shares %04x, post-quantum %v; want %04x, %v", v.KeyShares, v.PostQuantum, groups, postQuantum)
	}
}

func checkName(t testing.TB, v verdict, w walk) {
	t.Helper()
	if !v.HasServerName {
		if v.ServerName != "" || v.ServerNameIsIP {
			t.Fatalf("the name %q is none", v.ServerName)
		}
		return
	}
	if len(v.ServerName) == 0 || len(v.ServerName) > maxNameLen || bytes.ContainsAny([]byte(v.ServerName), "\x00ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t.Fatalf("the name is %q", v.ServerName)
	}
	data := lowerASCII(string(w.data[extensionServerName]))
	entry, dotted := string(hellotest.SNIEntry(0, v.ServerName)), string(hellotest.SNIEntry(0, v.ServerName+"."))
	// The length of a name may look like a capital letter, which lowering data has changed.
	if !bytes.Contains([]byte(data), []byte(lowerASCII(entry))) && !bytes.Contains([]byte(data), []byte(lowerASCII(dotted))) {
		t.Fatalf("the name %q is not in %q", v.ServerName, data)
	}
}

// checkClipped checks that appending to a returned slice does not write into the hello.
func checkClipped(t testing.TB, h *Hello) {
	t.Helper()
	views := [][]byte{h.ServerName(), h.SessionID(), h.PointFormats()}
	for protocol := range h.ALPN() {
		views = append(views, protocol)
	}
	for _, view := range views {
		if cap(view) != len(view) {
			t.Fatalf("%q has room behind it", view)
		}
	}
}

// checkBehind passes raw to Parse in arrays that end with it, and in arrays with other bytes after
// it, which change later: the verdict and the hello must not change.
func checkBehind(t testing.TB, raw []byte, want verdict) {
	t.Helper()
	exact := make([]byte, len(raw))
	copy(exact, raw)
	checkParse(t, exact[:len(raw):len(raw)], want)
	for _, filler := range []byte{0, 1, contentTypeHandshake, 0xff} {
		array := slices.Concat(raw, bytes.Repeat([]byte{filler}, 70))
		checkParse(t, array[:len(raw)], want)
		if want.Outcome == Pending {
			continue
		}
		checkParse(t, array, want)
		hello, err := Parse(array)
		for k := range array[len(raw):] {
			array[len(raw)+k]++
		}
		if err == nil {
			got := verdict{Outcome: Found, SpokeTLS: true}
			got.show(&hello)
			if diff := difference(want, got); diff != "" {
				t.Fatalf("a byte behind the hello changed (-before +after):\n%s", diff)
			}
		}
	}
}

// FuzzFields compares hellos with a second parser (see checkFields), and parses them with other
// bytes after them.
func FuzzFields(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, body bool, size uint16) {
		raw := framed(data, body, size)
		want := inspect(t, raw, 0, len(raw)+1)
		checkBehind(t, raw, want)
		if hello, err := Parse(raw); err == nil {
			checkFields(t, &hello, firstMessage(raw))
		}
	})
}

// An empty block of extensions counts as one.
func TestHasExtensions(t *testing.T) {
	without, empty := hellotest.Plain(), hellotest.Plain()
	empty.Extensions = []byte{}
	for want, hello := range map[bool]hellotest.ClientHello{false: without, true: empty} {
		i := NewInspection(0)
		if i.Feed(hello.Raw()) != Found || i.Hello().HasExtensions() != want {
			t.Errorf("%v: %v, want %v", i.Outcome(), !want, want)
		}
		i.Release()
	}
}
