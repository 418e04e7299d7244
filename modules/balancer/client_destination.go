// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// IsClientDestination reports whether a server stands for the destination of each client's
// connection: its host is * or, as in HAProxy, an unspecified address. Its port is fixed (*:443) or
// relative to that of the destination (*:+0).
func IsClientDestination(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "*" || err == nil && a.IsUnspecified()
}

// DependsOnClient reports whether the host or the port of a server's address depends on each
// client's connection, except for a port that is relative to the client's.
func DependsOnClient(address string) bool {
	return IsTemplate(address) || IsClientDestination(address)
}

// FillDestination returns the address of a server that stands for the destination of a connection.
func FillDestination(address string, destination netip.AddrPort) (netip.AddrPort, error) {
	if !destination.Addr().IsValid() {
		return netip.AddrPort{}, fmt.Errorf("server address %q: the client's connection has no IP address", address)
	}
	filled, err := FillPort(address, int(destination.Port()))
	if err != nil {
		return netip.AddrPort{}, err
	}
	_, port, _ := strings.Cut(filled[strings.LastIndexByte(filled, ']')+1:], ":")
	return netip.ParseAddrPort(net.JoinHostPort(destination.Addr().String(), port))
}

// provisionDestinations validates and parses the addresses that clients may choose.
func (b *Backend) provisionDestinations() (err error) {
	if b.AllowLocalAddresses && len(b.AllowDestinations) > 0 {
		return errors.New("allow_local_addresses and allow_destinations are mutually exclusive: allow_destinations lists all that is allowed")
	}
	b.allowed, err = parseNetworks(b.AllowDestinations)
	return err
}

// parseNetworks parses networks and addresses.
func parseNetworks(words []string) (all []netip.Prefix, err error) {
	for _, word := range words {
		network, err := netip.ParsePrefix(word)
		if a, notAddress := netip.ParseAddr(word); notAddress == nil && a.Zone() == "" {
			network, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || !network.IsValid() {
			return nil, fmt.Errorf("allow_destinations %q: expected an IP address or a network, such as 10.0.0.0/8", word)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

// parseAllowed parses the arguments of allow_destinations.
func (b *Backend) parseAllowed(d *caddyfile.Dispenser) error {
	words := d.RemainingArgs()
	if len(words) == 0 {
		return d.Err("allow_destinations: expected networks or IP addresses, such as 10.0.0.0/8")
	}
	if _, err := parseNetworks(words); err != nil {
		return d.WrapErr(err)
	}
	b.AllowDestinations = append(b.AllowDestinations, words...)
	return nil
}

// RefuseDestination returns why no connection may be made to an address that a client or the DNS
// has chosen for one of the backend's servers; nil: it may be made. own reports whether an address
// belongs to this system.
func (b *Backend) RefuseDestination(a netip.Addr, own func(netip.Addr) bool) error {
	a = a.Unmap()
	if len(b.AllowDestinations) > 0 {
		for _, network := range b.allowed {
			if network.Contains(a) {
				return nil
			}
		}
		return fmt.Errorf("%s is in none of the networks of allow_destinations", a)
	}
	if b.AllowLocalAddresses {
		return nil
	}
	for _, a := range append(embedded(a), a) {
		if isLocal(a) || own(a) {
			return fmt.Errorf("%s is no address that a client or the DNS may choose, unless allow_local_addresses or allow_destinations permits it", a)
		}
	}
	return nil
}
