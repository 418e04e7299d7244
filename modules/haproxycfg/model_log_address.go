// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// setAddress reads the address of a target.
func (l *logTarget) setAddress(text string, getenv func(string) (string, bool)) error {
	name, isRing := strings.CutPrefix(text, "ring@")
	switch {
	case isRing && (name == "stdout" || name == "stderr"), text == "stdout", text == "stderr":
		l.Address = strings.TrimPrefix(text, "ring@")
		return nil
	case isRing:
		l.ring = name
		return nil
	case strings.HasPrefix(text, "backend@"):
		l.nowhere = true
		return nil
	}
	a, err := haproxyfile.ParseAddress(text, haproxyfile.AddressOptions{Datagram: true, Getenv: getenv})
	if err != nil {
		return err
	}
	l.Address, err = logAddress(text, a)
	return err
}

// logAddress returns an address as the writer syslog has it.
func logAddress(text string, a haproxyfile.Address) (string, error) {
	switch {
	case a.Family == haproxyfile.SocketPair:
		return "", fmt.Errorf("'%s' is not available: expected an address, the path of a socket, or fd@N", text)
	case a.Family == haproxyfile.FD:
		return "fd/" + strconv.Itoa(a.FD), nil
	case a.Family.IsUnix() && a.Datagram:
		return "unixgram/" + socketName(a), nil
	case a.Family.IsUnix():
		return "unix/" + socketName(a), nil
	case a.Port != a.PortHigh:
		return "", fmt.Errorf("port range not permitted here in '%s'", text)
	case a.Offset != 0:
		return "", fmt.Errorf("port offset not permitted here in '%s'", text)
	}
	network := "tcp"
	if a.Datagram {
		network = "udp"
	}
	if _, err := netip.ParseAddr(a.Host); err != nil {
		network += map[haproxyfile.Family]string{haproxyfile.IPv4: "4", haproxyfile.IPv6: "6"}[a.Family]
	}
	return network + "/" + net.JoinHostPort(a.Host, strconv.Itoa(cmp.Or(a.Port, logPort))), nil
}

// abstractLength is the length of abns@ names: HAProxy fills them up with zero bytes.
const abstractLength = 108

// socketName returns the name of a Unix socket, as Go has it.
func socketName(a haproxyfile.Address) string {
	switch name := "@" + a.Path; a.Family {
	case haproxyfile.Abstract:
		return name + strings.Repeat("\x00", abstractLength-len(name))
	case haproxyfile.AbstractZ:
		return name
	default:
		return a.Path
	}
}
