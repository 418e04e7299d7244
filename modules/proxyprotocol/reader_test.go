// SPDX-License-Identifier: Apache-2.0

package proxyprotocol

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// readAll reads bytes in the pieces that cut makes of them, and returns the header and how many of
// them belong to it.
func readAll(t testing.TB, r *Reader, b []byte, cut func(rest int) int) (h *Header, used int, err error) {
	t.Helper()
	for used < len(b) {
		end := used + cut(len(b)-used)
		var n int
		if h, n, err = r.Read(b[used:end]); n < 0 || n > end-used {
			t.Fatalf("%d of %d bytes taken", n, end-used)
		}
		used += n
		if h != nil || err != nil {
			return h, used, err
		}
		if used != end {
			t.Fatalf("%d bytes left although the header is incomplete", end-used)
		}
	}
	return nil, used, nil
}

// allOnes is the longest text of an address.
const allOnes = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

// headers are headers and the error or the addresses expected of them.
var headers = []struct {
	name, header string
	source, err  string // of the address; what the error says
}{
	{"v1 IPv4", "PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n", "198.51.100.7:50676", ""},
	{"v1 IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 50676 443\r\n", "[2001:db8::7]:50676", ""},
	{"v1 mapped", "PROXY TCP6 ::ffff:198.51.100.7 2001:db8::1 0 443\r\n", "[::ffff:198.51.100.7]:0", ""},
	{"v1 longest", "PROXY TCP6 " + allOnes + " " + allOnes + " 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", ""},
	{"v1 unknown", "PROXY UNKNOWN\r\n", "", ""},
	{"v1 unknown with more", "PROXY UNKNOWN " + allOnes + " " + allOnes + " 65535 65535\r\n", "", ""},
	{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("x", 100) + "\r\n", "", "longer than 107 bytes"},
	{"v1 endless", "PROXY " + strings.Repeat(" ", 1000), "", "longer than 107 bytes"},
	{"v1 without CR", "PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\n", "", "CRLF"},
	{"v1 UDP", "PROXY UDP4 198.51.100.7 192.0.2.1 50676 443\r\n", "", "expected PROXY"},
	{"v1 lower case", "PROXY tcp4 198.51.100.7 192.0.2.1 50676 443\r\n", "", "expected PROXY"},
	{"v1 no address", "PROXY TCP4\r\n", "", "expected PROXY"},
	{"v1 one more word", "PROXY TCP4 198.51.100.7 192.0.2.1 50676 443 1\r\n", "", "expected PROXY"},
	{"v1 two spaces", "PROXY TCP4  198.51.100.7 192.0.2.1 50676 443\r\n", "", "expected PROXY"},
	{"v1 other family", "PROXY TCP4 2001:db8::7 192.0.2.1 50676 443\r\n", "", `TCP4 address "2001:db8::7"`},
	{"v1 other destination", "PROXY TCP6 2001:db8::7 192.0.2.1 50676 443\r\n", "", `TCP6 address "192.0.2.1"`},
	{"v1 zone", "PROXY TCP6 fe80::1%eth0 2001:db8::1 50676 443\r\n", "", `TCP6 address "fe80::1%eth0"`},
	{"v1 port", "PROXY TCP4 198.51.100.7 192.0.2.1 65536 443\r\n", "", `port "65536"`},
	{"v1 port with zero", "PROXY TCP4 198.51.100.7 192.0.2.1 1 0443\r\n", "", `port "0443"`},
	{"v1 port with sign", "PROXY TCP4 198.51.100.7 192.0.2.1 +1 443\r\n", "", `port "+1"`},

	{"v2 IPv4", v2("21 11 000c c6336407 c0000201 c5f4 01bb"), "198.51.100.7:50676", ""},
	{"v2 IPv6", v2("21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000001 c5f4 01bb"), "[2001:db8::7]:50676", ""},
	{"v2 local", v2("20 00 0000"), "", ""},
	{"v2 local with addresses", v2("20 11 000c c6336407 c0000201 c5f4 01bb"), "", ""},
	{"v2 local with anything", v2("20 77 0003 ffffff"), "", ""},
	{"v2 unspec", v2("21 00 0000"), "", ""},
	{"v2 unspec with TLV", v2("21 00 0004 ea 0001 78"), "", ""},
	{"v2 unspec with other bytes", v2("21 00 0002 ffff"), "", "2 bytes after the last TLV"},
	{"v2 UDP", v2("21 12 000c c6336407 c0000201 c5f4 01bb"), "", ""},
	{"v2 unix", v2("21 31 00d8" + strings.Repeat("61", 216)), "", ""},
	{"v2 short unix", v2("21 31 00d7" + strings.Repeat("61", 215)), "", "215 bytes for the addresses"},
	{"v2 unknown family", v2("21 41 0000"), "", "address family 0x41"},
	{"v2 unknown transport", v2("21 13 000c c6336407 c0000201 c5f4 01bb"), "", "address family 0x13"},
	{"v2 command", v2("22 11 000c c6336407 c0000201 c5f4 01bb"), "", "command 2"},
	{"v2 version", v2("11 11 000c c6336407 c0000201 c5f4 01bb"), "", "version 1"},
	{"v2 short", v2("21 11 000b c6336407 c0000201 c5f4 01"), "", "11 bytes for the addresses"},
	{"v2 short IPv6", v2("21 21 000c c6336407 c0000201 c5f4 01bb"), "", "12 bytes for the addresses"},
	{"v2 TLVs", v2("21 11 0018 c6336407 c0000201 c5f4 01bb 02 0005 612e746c64 ea 0001 78"), "198.51.100.7:50676", ""},
	{"v2 empty TLV", v2("21 11 000f c6336407 c0000201 c5f4 01bb 04 0000"), "198.51.100.7:50676", ""},
	{"v2 TLV head cut", v2("21 11 000e c6336407 c0000201 c5f4 01bb 04 00"), "", "2 bytes after the last TLV"},
	{"v2 TLV cut", v2("21 11 0010 c6336407 c0000201 c5f4 01bb 04 0002 00"), "", "longer than the header"},
	{"v2 checksum of HAProxy", v2("21 11 0023 c6336407 c0000201 c5f4 01bb 03 0004 09c579e9 02 0005 612e746c64 20 0005 0000000000"), "198.51.100.7:50676", ""},
	{"v2 wrong checksum", v2("21 11 0013 c6336407 c0000201 c5f4 01bb 03 0004 00000000"), "", "checksum does not match"},
	{"v2 long checksum", v2("21 11 0014 c6336407 c0000201 c5f4 01bb 03 0005 0000000000"), "", "checksum of 5 bytes"},
	{"v2 authority", v2("21 11 010e c6336407 c0000201 c5f4 01bb 02 00ff" + strings.Repeat("61", 255)), "198.51.100.7:50676", ""},
	{"v2 long authority", v2("21 11 010f c6336407 c0000201 c5f4 01bb 02 0100" + strings.Repeat("61", 256)), "", "authority of 256 bytes"},
	{"v2 long unique ID", v2("21 11 0090 c6336407 c0000201 c5f4 01bb 05 0081" + strings.Repeat("61", 129)), "", "unique ID of 129 bytes"},
}

// v2 returns a header of version 2 with the hexadecimal bytes after its signature.
func v2(rest string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
	if err != nil {
		panic(err)
	}
	return signature + string(b)
}

func TestHeaders(t *testing.T) {
	for _, test := range headers {
		t.Run(test.name, func(t *testing.T) { expectHeader(t, test.header, test.source, test.err, 0) })
	}
}

// expectHeader reads a header at once, byte by byte, and cut in two at each place.
func expectHeader(t *testing.T, header, source, wantErr string, magic uint32) {
	t.Helper()
	const after = "the client's own bytes"
	expect := func(how string, cut func(int) int) {
		t.Helper()
		r := Reader{NetScalerMagic: magic}
		h, used, err := readAll(t, &r, []byte(header+after), cut)
		if wantErr != "" {
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), wantErr) {
				t.Errorf("%s: %v; expected an error with %q", how, err, wantErr)
			}
			return
		}
		if err != nil || h == nil {
			t.Errorf("%s: header %v, error %v", how, h, err)
			return
		}
		if used != len(header) {
			t.Errorf("%s: %d of the header's %d bytes taken", how, used, len(header))
		}
		if got := h.Source.String(); h.HasAddresses() != (source != "") || source != "" && got != source {
			t.Errorf("%s: source %s, expected %q", how, got, source)
		}
		if len(r.Buffered()) != 0 {
			t.Errorf("%s: still holds %d bytes", how, len(r.Buffered()))
		}
	}
	expect("at once", func(rest int) int { return rest })
	expect("byte by byte", func(int) int { return 1 })
	for at := 1; at < len(header); at++ {
		first := true
		expect("cut", func(rest int) int {
			if first {
				first = false
				return at
			}
			return rest
		})
	}
}

func TestNoHeader(t *testing.T) {
	for _, text := range []string{"\x16\x03\x01\x02\x00", "GET / HTTP/1.1\r\n\r\n", "PROXZ TCP4", "PROXYTCP4 1", "\r\n\r\n\x00\r\nQUIT\r", "SSH-2.0-x", "\x00"} {
		for _, cut := range []func(int) int{func(rest int) int { return rest }, func(int) int { return 1 }} {
			r := new(Reader)
			h, used, err := readAll(t, r, []byte(text), cut)
			if h != nil || !errors.Is(err, ErrNoHeader) {
				t.Errorf("%q: header %v, error %v", text, h, err)
			}
			if got := string(r.Buffered()) + text[used:]; got != text {
				t.Errorf("%q: %q is left for the client's data", text, got)
			}
		}
	}
}

func TestTLVs(t *testing.T) {
	h, _, err := new(Reader).Read([]byte(v2("21 11 001f c6336407 c0000201 c5f4 01bb 02 0005 612e746c64 ea 0001 78 ea 0001 79 04 0000")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for of, value := range h.TLVs() {
		got = append(got, hex.EncodeToString([]byte{of})+" "+string(value))
	}
	if want := []string{"02 a.tld", "ea x", "ea y", "04 "}; !slices.Equal(got, want) {
		t.Errorf("got %q, expected %q", got, want)
	}
	if v, ok := h.TLV(0xea); string(v) != "x" || !ok {
		t.Errorf("the first of type 0xea is %q, %v", v, ok)
	}
	if v, ok := h.TLV(UniqueID); v != nil || ok {
		t.Errorf("unique ID %q, %v although there is none", v, ok)
	}
}

// TestHeaderMemory reads the longest header byte by byte: the Reader's memory must grow with the
// bytes that have arrived, not with the length that the header announces.
func TestHeaderMemory(t *testing.T) {
	header := []byte(v2("21 11 ffff c6336407 c0000201 c5f4 01bb"))
	for len(header) < v2Header+0xffff {
		n := min(v2Header+0xffff-len(header)-tlvHeader, 1000)
		header = append(append(header, 0xea, byte(n>>8), byte(n)), bytes.Repeat([]byte{'x'}, n)...)
	}
	r := new(Reader)
	for i := range header {
		h, n, err := r.Read(header[i : i+1])
		if n != 1 || err != nil || (h != nil) != (i == len(header)-1) {
			t.Fatalf("byte %d: header %v, %d taken, error %v", i, h, n, err)
		}
		if held := cap(r.Buffered()); held > 2*(i+1)+64 {
			t.Fatalf("%d bytes held after %d", held, i+1)
		}
	}
}

func TestNetScaler(t *testing.T) {
	const magic = 0xdeadbeef
	ports := "c5f4 01bb 00000000 00000000 5000 0000 00000000"
	ipv4 := "45 00 0028 0000 0000 40 06 0000 c6336407 c0000201" + ports
	ipv6 := "6000 0000 0014 06 40 20010db8000000000000000000000007 20010db8000000000000000000000001" + ports
	for _, test := range []struct{ name, header, source, err string }{
		{"legacy IPv4", "deadbeef 00000028" + ipv4, "198.51.100.7:50676", ""},
		{"standard IPv4", "deadbeef 00000028 00 00 0028" + ipv4, "198.51.100.7:50676", ""},
		{"legacy IPv6", "deadbeef 0000003c" + ipv6, "[2001:db8::7]:50676", ""},
		{"standard IPv6", "deadbeef 0000003c 00 00 003c" + ipv6, "[2001:db8::7]:50676", ""},
		{"UDP", "deadbeef 00000028" + strings.Replace(ipv4, "40 06", "40 11", 1), "", "no TCP header"},
		{"IP header of 4 bytes", "deadbeef 00000028" + strings.Replace(ipv4, "45", "41", 1), "", "no TCP header"},
		{"short", "deadbeef 00000014" + ipv4, "", "no TCP header"},
		{"shorter", "deadbeef 00000004" + ipv4, "", "no whole IP header"},
		{"nothing", "deadbeef 00000000 00 00 0000", "", "no IP header"},
		{"long", "deadbeef ffffffff" + ipv4, "", "longer than"},
		{"other format", "deadbeef 00000028 80 00 0028" + ipv4, "", "neither of its formats"},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(test.header, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(test.name, func(t *testing.T) { expectHeader(t, string(b), test.source, test.err, magic) })
	}
	if _, _, err := (&Reader{NetScalerMagic: magic}).Read([]byte("PROXY TCP4")); !errors.Is(err, ErrNoHeader) {
		t.Errorf("error %v for a header of the PROXY protocol", err)
	}
}

func TestWrite(t *testing.T) {
	for _, test := range []struct{ source, destination, v1, v2 string }{
		{"198.51.100.7:50676", "192.0.2.1:443", "PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n", v2("21 11 000c c6336407 c0000201 c5f4 01bb")},
		{"[2001:db8::7]:9", "[fe80::1%eth0]:65535", "PROXY TCP6 2001:db8::7 fe80::1 9 65535\r\n", v2("21 21 0024 20010db8000000000000000000000007 fe800000000000000000000000000001 0009 ffff")},
		{"198.51.100.7:80", "[2001:db8::1]:443", "PROXY TCP6 ::ffff:198.51.100.7 2001:db8::1 80 443\r\n", v2("21 21 0024 00000000000000000000ffffc6336407 20010db8000000000000000000000001 0050 01bb")},
		{"[2001:db8::7]:80", "192.0.2.1:443", "PROXY TCP6 2001:db8::7 ::ffff:192.0.2.1 80 443\r\n", v2("21 21 0024 20010db8000000000000000000000007 00000000000000000000ffffc0000201 0050 01bb")},
		{"", "192.0.2.1:443", "PROXY UNKNOWN\r\n", v2("20 00 0000")},
		{"192.0.2.1:443", "", "PROXY UNKNOWN\r\n", v2("20 00 0000")},
	} {
		source, _ := netip.ParseAddrPort(test.source)
		destination, _ := netip.ParseAddrPort(test.destination)
		if got := string(AppendV1([]byte("-"), source, destination)); got != "-"+test.v1 {
			t.Errorf("%s to %s: version 1 %q", test.source, test.destination, got)
		}
		w := BeginV2([]byte("-"), source, destination)
		if got := string(w.End()); got != "-"+test.v2 {
			t.Errorf("%s to %s: version 2 %x", test.source, test.destination, got)
		}
	}
}

// TestWriteTLVs compares with what HAProxy has sent.
func TestWriteTLVs(t *testing.T) {
	w := BeginV2(nil, netip.MustParseAddrPort("198.51.100.7:50676"), netip.MustParseAddrPort("192.0.2.1:443"))
	w.Checksum()
	w.TLV(Authority, []byte("a.tld"))
	w.TLV(SSL, make([]byte, 5))
	if got, want := w.End(), v2("21 11 0023 c6336407 c0000201 c5f4 01bb 03 0004 09c579e9 02 0005 612e746c64 20 0005 0000000000"); string(got) != want {
		t.Errorf("got %x, expected %x", got, want)
	}
	w = BeginV2(nil, netip.AddrPort{}, netip.AddrPort{})
	w.Checksum()
	if got, want := w.End(), v2("20 00 0007 03 0004 a9b87e8f"); string(got) != want {
		t.Errorf("got %x, expected %x", got, want)
	}
	w = BeginV2(nil, netip.AddrPort{}, netip.AddrPort{})
	if !w.TLV(0xea, make([]byte, 0xffff-2*tlvHeader)) || w.TLV(0xea, []byte{1}) || !w.TLV(0xeb, nil) || w.TLV(0xec, nil) {
		t.Error("the header took more than its length can tell, or less")
	}
}

// Bytes may begin a header as long as they agree with one of the two beginnings.
func TestBegins(t *testing.T) {
	for _, whole := range []string{linePrefix, signature} {
		for n := range len(whole) + 1 {
			if got := MayBegin([]byte(whole[:n])); !got {
				t.Errorf("%q: MayBegin %v", whole[:n], got)
			}
			if got := Begins([]byte(whole[:n])); got != (n == len(whole)) {
				t.Errorf("%q: Begins %v", whole[:n], got)
			}
			if other := []byte(whole[:n] + "\x01"); n < len(whole) && (MayBegin(other) || Begins(other)) {
				t.Errorf("%q is taken for a beginning", other)
			}
		}
		if more := []byte(whole + "more"); !MayBegin(more) || !Begins(more) {
			t.Errorf("%q is not taken for one", more)
		}
	}
}
