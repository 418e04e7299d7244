// SPDX-License-Identifier: Apache-2.0

package proxyprotocol

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/pires/go-proxyproto"
)

// FuzzReader reads the same bytes at once and in pieces: the header, the number of bytes taken and
// the error must be the same, and each byte is either the header's or left for the client's data,
// once. A header that another implementation also accepts must name the same client.
func FuzzReader(f *testing.F) {
	for _, test := range headers {
		f.Add([]byte(test.header+"rest"), uint8(3), uint32(0))
	}
	// The requests of hackerone 674540 (CVE-2019-10097) begin so.
	f.Add([]byte(v2("21 11 0000")), uint8(1), uint32(0))
	f.Add([]byte(v2("21 11 0001 00")), uint8(1), uint32(0))
	f.Add([]byte("\xde\xad\xbe\xef\x00\x00\x00\x28\x45\x00\x00\x28\x00\x00\x00\x00\x40\x06\x00\x00aaaabbbbccddeeee"), uint8(5), uint32(0xdeadbeef))
	f.Fuzz(func(t *testing.T, b []byte, piece uint8, magic uint32) {
		whole := &Reader{NetScalerMagic: magic}
		h, used, err := readAll(t, whole, b, func(rest int) int { return rest })
		pieces := &Reader{NetScalerMagic: magic}
		h2, used2, err2 := readAll(t, pieces, b, func(rest int) int { return min(rest, 1+int(piece)) })
		switch {
		case (h == nil) != (h2 == nil), errorText(err) != errorText(err2):
			t.Fatalf("at once: %+v, %v; in pieces: %+v, %v", h, err, h2, err2)
		case h != nil && (used != used2 || h.Source != h2.Source || h.Destination != h2.Destination || !bytes.Equal(h.tlvs, h2.tlvs)):
			t.Fatalf("at once: %+v of %d bytes; in pieces: %+v of %d", h, used, h2, used2)
		case errors.Is(err, ErrNoHeader):
			for _, r := range []struct {
				*Reader
				used int
			}{{whole, used}, {pieces, used2}} {
				if rest := append(bytes.Clone(r.Buffered()), b[r.used:]...); !bytes.Equal(rest, b) {
					t.Fatalf("%q is left of %q", rest, b)
				}
			}
		}
		if h != nil && magic == 0 {
			expectSame(t, h, b)
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// expectSame compares with the addresses that another implementation reads, if it accepts the
// header.
func expectSame(t *testing.T, h *Header, b []byte) {
	t.Helper()
	other, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(b)))
	if err != nil || other.Command == proxyproto.LOCAL {
		return
	}
	if from, ok := other.SourceAddr.(*net.TCPAddr); ok {
		if !h.HasAddresses() || !from.IP.Equal(h.Source.Addr().AsSlice()) || from.Port != int(h.Source.Port()) {
			t.Fatalf("source %s, expected %s", h.Source, from)
		}
	}
}

// FuzzWriter writes headers and reads them again.
func FuzzWriter(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, []byte{5, 6, 7, 8}, uint16(1), uint16(2), []byte("a.example"), byte(2))
	f.Add(bytes.Repeat([]byte{1}, 16), []byte{5, 6, 7, 8}, uint16(1), uint16(65535), []byte{}, byte(0xea))
	f.Add([]byte(nil), []byte{5, 6, 7, 8}, uint16(1), uint16(65535), []byte{1}, byte(3))
	f.Fuzz(func(t *testing.T, from, to []byte, fromPort, toPort uint16, value []byte, of byte) {
		source, destination := addrPort(from, fromPort), addrPort(to, toPort)
		w := BeginV2(nil, source, destination)
		valid := of != CRC32C && (of != Authority || len(value) <= maxAuthority) && (of != UniqueID || len(value) <= maxUniqueID)
		written := valid && w.TLV(of, value)
		w.Checksum()
		for _, b := range [][]byte{w.End(), AppendV1(nil, source, destination)} {
			h, n, err := new(Reader).Read(b)
			if err != nil || h == nil || n != len(b) {
				t.Fatalf("%q: %+v, %d bytes, %v", b, h, n, err)
			}
			if both := source.IsValid() && destination.IsValid(); h.HasAddresses() != both {
				t.Fatalf("%q: addresses %v", b, h.HasAddresses())
			} else if both && (h.Source.Addr().Unmap() != source.Addr().Unmap() || h.Source.Port() != fromPort || h.Destination.Addr().Unmap() != destination.Addr().Unmap() || h.Destination.Port() != toPort) {
				t.Fatalf("%q: %+v", b, h)
			}
			if got, ok := h.TLV(of); written && h.Version == 2 && h.HasAddresses() && of != CRC32C && (!ok || !bytes.Equal(got, value)) {
				t.Fatalf("TLV %q, expected %q", got, value)
			}
		}
	})
}

func addrPort(ip []byte, port uint16) netip.AddrPort {
	a, ok := netip.AddrFromSlice(ip)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, port)
}
