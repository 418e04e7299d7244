// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"

	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// Addr is the address of one side. The zero value means that there is no address.
type Addr struct {
	ip   netip.AddrPort
	text string // of any other kind of address
}

// AddrOf returns the Addr of a, which may be nil.
func AddrOf(a net.Addr) Addr {
	if a == nil {
		return Addr{}
	}
	if tcp, ok := a.(*net.TCPAddr); ok {
		if ap := tcp.AddrPort(); ap.IsValid() && tcp.Zone == "" {
			return Addr{ip: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())}
		}
	}
	return Addr{text: a.String()}
}

// AddrOfIP returns the Addr of an IP address and a port.
func AddrOfIP(a netip.AddrPort) Addr {
	return Addr{ip: netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())}
}

// IP returns the IP address, or the zero value for other addresses.
func (a Addr) IP() netip.Addr { return a.ip.Addr() }

// Kept returns an address that shares no memory with a. It allocates nothing for an IP address.
func (a Addr) Kept() Addr { return Addr{a.ip, strings.Clone(a.text)} }

// String returns the address as net.Addr does.
func (a Addr) String() string { return string(a.appendTo(nil)) }

// MarshalText returns the address as String does.
func (a Addr) MarshalText() ([]byte, error) { return a.appendTo(nil), nil }

func (a Addr) appendTo(b []byte) []byte {
	if a.ip.IsValid() {
		return a.ip.AppendTo(b)
	}
	return append(b, a.text...)
}

// appendAddr appends the length of an IP address, the address and the port. For other addresses it
// appends zero and the text.
func appendAddr(b []byte, a Addr) []byte {
	ip := a.ip.Addr()
	switch {
	case ip.Is4():
		four := ip.As4()
		b = append(append(b, 4), four[:]...)
	case ip.Is6():
		sixteen := ip.As16()
		b = append(append(b, 16), sixteen[:]...)
	default:
		return appendText(append(b, 0), a.text)
	}
	return binary.BigEndian.AppendUint16(b, a.ip.Port())
}

func (u *unpacker) addr() Addr {
	var ip netip.Addr
	switch size := u.take(1)[0]; size {
	case 4:
		ip = netip.AddrFrom4([4]byte([]byte(u.take(4))))
	case 16:
		ip = netip.AddrFrom16([16]byte([]byte(u.take(16))))
	default:
		return Addr{text: u.text()}
	}
	port := u.take(2)
	return Addr{ip: netip.AddrPortFrom(ip, uint16(port[0])<<8|uint16(port[1]))}
}

// skipAddr skips what addr would return.
func (u *unpacker) skipAddr() {
	switch size := int(u.take(1)[0]); size {
	case 4, 16:
		u.take(size + 2)
	default:
		u.text()
	}
}

// Protocols are ALPN protocol names, each after a byte with its length.
type Protocols string

// MarshalLogArray adds the names one by one.
func (p Protocols) MarshalLogArray(line zapcore.ArrayEncoder) error {
	for rest := string(p); rest != ""; {
		end := 1 + int(rest[0])
		line.AppendString(printable.Text(rest[1:end]))
		rest = rest[end:]
	}
	return nil
}
