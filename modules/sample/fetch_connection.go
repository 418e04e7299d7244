// SPDX-License-Identifier: Apache-2.0

package sample

import "net/netip"

// connectionFetches look at the addresses of the connection. An IPv4 client of an IPv6 socket is an IPv4 client here;
// HAProxy has it as an IPv6 address.
var connectionFetches = map[string]fetch{
	"src": {
		out: typeIPv4, note: "the client's address, IPv4 or IPv6",
		build: plain(func(in *Input) sampled { return address(in.Source) }),
	},
	"src_port": {
		out: typeInt, note: "the client's port",
		build: plain(func(in *Input) sampled { return port(in.Source) }),
	},
	"dst": {
		out: typeIPv4, note: "the address that the client connected to, IPv4 or IPv6",
		build: plain(func(in *Input) sampled { return address(in.Destination) }),
	},
	"dst_port": {
		out: typeInt, note: "the port that the client connected to",
		build: plain(func(in *Input) sampled { return port(in.Destination) }),
	},
}

func address(a netip.AddrPort) sampled {
	if !a.Addr().IsValid() {
		return nothing
	}
	return found(Address(a.Addr().Unmap()))
}

func port(a netip.AddrPort) sampled {
	if !a.Addr().IsValid() {
		return nothing
	}
	return found(Number(int64(a.Port())))
}
