// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// Packed is what a record has when its session begins, in as little memory as that
// takes: a session can be idle for days. The names of frontend, backend and server,
// which many sessions share, are not in it.
type Packed string

// Pack packs the record.
func (r *Record) Pack() Packed {
	var room [256]byte
	flags := byte(0)
	if r.Uninspected {
		flags |= 1
	}
	if r.Redispatched {
		flags |= 2
	}
	b := append(room[:0], byte(r.Outcome), flags)
	b = binary.LittleEndian.AppendUint16(b, r.Version)
	for _, n := range []int64{r.Accepted.UnixMicro(), int64(r.HelloWait), int64(r.Queue), int64(r.Connect), int64(r.ServerQueue), int64(r.BackendQueue), int64(r.Retries)} {
		b = binary.AppendVarint(b, n)
	}
	b = appendAddr(appendAddr(b, r.Client), r.Local)
	b = appendText(appendText(b, r.Address), r.ServerName)
	b = binary.AppendUvarint(b, uint64(len(r.ALPN)))
	for _, protocol := range r.ALPN {
		b = appendText(b, protocol)
	}
	return Packed(b)
}

// Unpack is the record again.
func (p Packed) Unpack() Record {
	u := unpacker(p)
	head := u.take(4)
	r := Record{
		Outcome: clienthello.Outcome(head[0]), Uninspected: head[1]&1 != 0, Redispatched: head[1]&2 != 0,
		Version: binary.LittleEndian.Uint16(head[2:]),
	}
	r.Accepted = time.UnixMicro(u.number())
	r.HelloWait, r.Queue, r.Connect = time.Duration(u.number()), time.Duration(u.number()), time.Duration(u.number())
	r.ServerQueue, r.BackendQueue, r.Retries = int(u.number()), int(u.number()), int(u.number())
	r.Client, r.Local = u.addr(), u.addr()
	r.Address, r.ServerName = u.text(), u.text()
	for range u.length() {
		r.ALPN = append(r.ALPN, u.text())
	}
	return r
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendAddr appends the length of an IP address, the address and the port, or
// zero and the text of an address of another kind.
func appendAddr(b []byte, a net.Addr) []byte {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || tcp.Zone != "" || tcp.AddrPort().Addr().BitLen() == 0 {
		if a == nil {
			return appendText(append(b, 0), "")
		}
		return appendText(append(b, 0), a.String())
	}
	ip := tcp.AddrPort().Addr().Unmap().AsSlice()
	b = append(append(b, byte(len(ip))), ip...)
	return binary.BigEndian.AppendUint16(b, uint16(tcp.Port))
}

// unpacker is what is left to be unpacked.
type unpacker []byte

func (u *unpacker) take(n int) []byte {
	taken := (*u)[:n]
	*u = (*u)[n:]
	return taken
}

func (u *unpacker) number() int64 {
	n, size := binary.Varint(*u)
	u.take(size)
	return n
}

func (u *unpacker) length() int {
	n, size := binary.Uvarint(*u)
	u.take(size)
	return int(n)
}

func (u *unpacker) text() string { return string(u.take(u.length())) }

func (u *unpacker) addr() net.Addr {
	size := int(u.take(1)[0])
	if size == 0 {
		if text := u.text(); text != "" {
			return textAddr(text)
		}
		return nil
	}
	ip, _ := netip.AddrFromSlice(u.take(size))
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, binary.BigEndian.Uint16(u.take(2))))
}

// textAddr is an address of which only its text is known.
type textAddr string

func (textAddr) Network() string  { return "" }
func (a textAddr) String() string { return string(a) }
