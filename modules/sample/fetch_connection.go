// SPDX-License-Identifier: Apache-2.0

package sample

import "net/netip"

// connectionFetches examine the addresses of the connection. An IPv4 client of an IPv6 socket has
// an IPv4 address here; in HAProxy it has an IPv6 address.
var connectionFetches = map[string]fetch{
	"src": {
		out: typeIPv4, note: "the client's address, IPv4 or IPv6",
		build: withoutArgs(func(in *Input) result { return addressResult(in.Source) }),
	},
	"src_port": {
		out: typeInt, note: "the client's port",
		build: withoutArgs(func(in *Input) result { return portResult(in.Source) }),
	},
	"dst": {
		out: typeIPv4, note: "the address that the client connected to, IPv4 or IPv6",
		build: withoutArgs(func(in *Input) result { return addressResult(in.Destination) }),
	},
	"dst_port": {
		out: typeInt, note: "the port that the client connected to",
		build: withoutArgs(func(in *Input) result { return portResult(in.Destination) }),
	},
}

func addressResult(a netip.AddrPort) result {
	if !a.Addr().IsValid() {
		return noValue
	}
	return found(Address(a.Addr().Unmap()))
}

func portResult(a netip.AddrPort) result {
	if !a.Addr().IsValid() {
		return noValue
	}
	return found(Integer(int64(a.Port())))
}
