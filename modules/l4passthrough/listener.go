// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Listener gives an address that a frontend listens on a name and a number, for fetches only.
type Listener struct {
	// Address is an address or a range of ports, without the network: :443, 10.0.0.1:8000-8010,
	// unix//run/x.sock.
	Address string `json:"address,omitempty"`

	// Name is the value of so_name. It is HAProxy's name of bind.
	Name string `json:"name,omitempty"`

	// ID is the value of so_id for the first port; each further port has the next number. It is
	// HAProxy's id of bind.
	ID int `json:"id,omitempty"`

	parsed caddy.NetworkAddress
	ip     netip.Addr // unspecified: any address
}

func (l *Listener) provision() (err error) {
	if l == nil || l.Address == "" {
		return errors.New("expected an object with address")
	}
	if l.parsed, err = caddy.ParseNetworkAddress(l.Address); err != nil {
		return fmt.Errorf("address %q: %w", l.Address, err)
	}
	l.ip = netip.IPv6Unspecified()
	if ip, err := netip.ParseAddr(l.parsed.Host); err == nil {
		l.ip = ip.Unmap().WithZone("")
	}
	return nil
}

// Ranks of a listener for a connection: the higher, the more certain.
const (
	noRank = iota
	anyAddress
	anyIPv4
	exact
)

// rank returns how well the listener fits the address that a client connected to.
func (l *Listener) rank(local net.Addr) int {
	tcp, ok := local.(*net.TCPAddr)
	switch {
	case l.parsed.IsFdNetwork():
		return anyAddress
	case !ok || l.parsed.IsUnixNetwork():
		if !ok && l.parsed.IsUnixNetwork() && l.isPath(local.String()) {
			return exact
		}
		return noRank
	}
	return l.rankTCP(tcp.AddrPort())
}

// rankTCP works like rank for a TCP address.
func (l *Listener) rankTCP(at netip.AddrPort) int {
	ip := at.Addr().Unmap().WithZone("")
	switch port := uint(at.Port()); {
	case port < l.parsed.StartPort || port > l.parsed.EndPort:
		return noRank
	case l.ip == ip:
		return exact
	case l.ip == netip.IPv4Unspecified() && ip.Is4():
		return anyIPv4
	case l.ip == netip.IPv6Unspecified():
		return anyAddress
	default:
		return noRank
	}
}

// isPath reports whether a Unix socket is the listener's. Durable ones are bound under their path
// with the process ID appended, and the kernel keeps that name.
func (l *Listener) isPath(name string) bool {
	path, _, _ := strings.Cut(l.parsed.Host, "|")
	rest, ok := strings.CutPrefix(strings.TrimRight(name, "\x00"), path)
	return ok && (rest == "" || rest == "."+strconv.Itoa(os.Getpid()))
}

// listener returns the name and number of the address that a client connected to, if it has them.
func (h *Handler) listener(local net.Addr) (name string, id int) {
	best := noRank
	for _, l := range h.Listeners {
		rank := l.rank(local)
		if rank <= best {
			continue
		}
		best, name, id = rank, l.Name, l.ID
		if tcp, ok := local.(*net.TCPAddr); ok && id != 0 && l.parsed.StartPort != 0 {
			id += tcp.Port - int(l.parsed.StartPort)
		}
	}
	return name, id
}

// parseListener parses "listener ADDRESS [name NAME] [id NUMBER]".
func (h *Handler) parseListener(d *caddyfile.Dispenser) (err error) {
	h.NoteLine("listener", d)
	l := new(Listener)
	h.Listeners = append(h.Listeners, l)
	if l.Address, err = options.Arg(d); err != nil {
		return err
	}
	return options.Table{
		"name": options.Text(&l.Name),
		"id":   options.Int(&l.ID, 1, math.MaxInt32),
	}.ParseLine(d)
}
