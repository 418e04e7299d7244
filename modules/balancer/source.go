// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// parseSource parses ADDRESS[:PORT[-PORT]]. An address that stands for all is returned as none.
func parseSource(text string) (at netip.Addr, low, high uint16, err error) {
	if text == "" {
		return at, 0, 0, nil
	}
	if at, err = netip.ParseAddr(strings.Trim(text, "[]")); err != nil {
		host, ports, split := net.SplitHostPort(text)
		if at, err = netip.ParseAddr(host); err == nil {
			low, high, err = parsePorts(ports)
		}
		err = cmp.Or(split, err)
	}
	if err != nil {
		return at, 0, 0, fmt.Errorf("source %q: expected an IP address of this system, with a port or a range of ports if wanted, such as 10.0.0.9, 10.0.0.9:20000-29999 or [2001:db8::9]:20000", text)
	}
	if at = at.Unmap(); at.IsUnspecified() {
		at = netip.Addr{}
	}
	return at, low, high, nil
}

// parsePorts parses PORT[-PORT].
func parsePorts(text string) (low, high uint16, err error) {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return 0, 0, err
	}
	to, err := strconv.ParseUint(last, 10, 16)
	if err == nil && (from == 0 || from > to) {
		err = strconv.ErrRange
	}
	return uint16(from), uint16(to), err
}

// transparents are the words for addresses of the client.
var transparents = map[string]relay.Transparent{"": relay.NotTransparent, "client": relay.TransparentClient, "clientip": relay.TransparentClientIP}

// parseTransparent parses client, clientip or ADDRESS[:PORT].
func parseTransparent(text string) (relay.Transparent, netip.AddrPort, error) {
	if how, ok := transparents[text]; ok {
		return how, netip.AddrPort{}, nil
	}
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil && !a.IsUnspecified() {
		return relay.TransparentAddress, netip.AddrPortFrom(a.Unmap(), 0), nil
	}
	if a, err := netip.ParseAddrPort(text); err == nil && !a.Addr().IsUnspecified() {
		return relay.TransparentAddress, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
	}
	return 0, netip.AddrPort{}, fmt.Errorf("transparent %q: expected client, clientip or an IP address, with a port if wanted", text)
}
