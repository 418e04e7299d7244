// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"net/netip"
	"strconv"
	"strings"
)

// An argKind is the type of an argument.
type argKind uint8

const (
	argInt argKind = iota
	argStr
	argRegex
	argIPv4
	argIPv6
	argMask4
	argMask6
	argFrontend // a name that is looked up once the whole configuration is read
	argBackend
	argServer
	argTable
)

var argNames = [...]string{
	argInt:   "integer",
	argStr:   "string",
	argRegex: "regex",
	argIPv4:  "IPv4 address",
	argIPv6:  "IPv6 address",
	argMask4: "IPv4 mask",
	argMask6: "IPv6 mask",

	argFrontend: "frontend",
	argBackend:  "backend",
	argServer:   "server",
	argTable:    "table",
}

func (k argKind) mayBeEmpty() bool {
	switch k {
	case argStr, argRegex, argFrontend, argBackend, argServer, argTable:
		return true
	default:
		return false
	}
}

func (k argKind) parse(s string) (argument, bool) {
	arg := argument{text: s}
	var ok bool
	switch k {
	case argInt:
		arg.number, ok = wholeInt(s)
	case argIPv4:
		arg.addr, ok = parseAddr(s)
		ok = ok && arg.addr.Is4()
	case argIPv6:
		arg.addr, ok = parseAddr(s)
		ok = ok && arg.addr.Is6()
	case argMask4:
		arg.addr, ok = parseMask4(s)
	case argMask6:
		arg.addr, ok = parseMask6(s)
	default:
		ok = true
	}
	return arg, ok
}

func parseAddr(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	return addr, err == nil && addr.Zone() == ""
}

// parseMask4 parses a number of bits, or a mask in the form of an address.
func parseMask4(s string) (netip.Addr, bool) {
	if strings.Contains(s, ".") {
		mask, ok := parseAddr(s)
		return mask, ok && mask.Is4()
	}
	return maskOf(allOnes4, s)
}

func parseMask6(s string) (netip.Addr, bool) {
	if strings.Contains(s, ":") {
		return parseAddr(s)
	}
	return maskOf(allOnes6, s)
}

var (
	allOnes4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	allOnes6 = netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
)

func maskOf(ones netip.Addr, bits string) (netip.Addr, bool) {
	n, err := strconv.ParseUint(bits, 10, 8)
	if err != nil {
		return netip.Addr{}, false
	}
	mask, err := ones.Prefix(int(n))
	return mask.Addr(), err == nil
}

// maskBits returns the prefix length of a mask, or false if the mask is not a prefix.
func maskBits(mask netip.Addr) (int, bool) {
	bits, ended := 0, false
	for _, b := range mask.AsSlice() {
		for bit := byte(0x80); bit > 0; bit >>= 1 {
			switch set := b&bit != 0; {
			case set && ended:
				return 0, false
			case set:
				bits++
			default:
				ended = true
			}
		}
	}
	return bits, true
}
