// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// validateAddress reports an address that HAProxy accepts but that cannot be used here. It makes
// the path of a Unix socket absolute.
func (t *translation) validateAddress(a *haproxyfile.Address) (err error) {
	switch a.Family {
	case haproxyfile.Unix:
		a.Path, err = t.absoluteFile(a.Path)
	case haproxyfile.Any, haproxyfile.IPv4, haproxyfile.IPv6, haproxyfile.FD, haproxyfile.Abstract, haproxyfile.AbstractZ:
	default:
		return fmt.Errorf("'%s': expected an address with a port, a path or fd@N; sockets of this kind are not available", a)
	}
	if a.Datagram || a.MPTCP {
		return fmt.Errorf("'%s': expected TCP: sockets of this kind are not available", a)
	}
	return err
}

// validateBindAddress reports an address that cannot be listened on here.
func (t *translation) validateBindAddress(a *haproxyfile.Address) error {
	if err := t.validateAddress(a); err != nil {
		return err
	}
	if a.Family.IsUnix() && strings.ContainsAny(a.Path, ":|") {
		return fmt.Errorf("'%s': the path of a socket cannot contain a colon or a bar", a.Path)
	}
	return nil
}

// abstractName returns Caddy's name for an abstract socket.
func abstractName(a *haproxyfile.Address) (name string, ok bool) {
	switch a.Family {
	case haproxyfile.Abstract:
		return "abns/" + a.Path, true
	case haproxyfile.AbstractZ:
		return "unix/@" + a.Path, true
	default:
		return "", false
	}
}

// validateAdminPort reports a bind at the address of Caddy's admin endpoint, which a haproxy.cfg
// cannot move.
func (t *translation) validateAdminPort(b *bind) {
	admin, err := caddy.ParseNetworkAddress(caddy.DefaultAdminListen)
	if err != nil || admin.Network != "tcp" || !b.isTCP() || b.Namespace != "" || !b.has(int(admin.StartPort)) {
		return
	}
	host := admin.Host
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if b.includes(host) || b.Host == admin.Host {
		t.errorf(b.Pos, "'bind %s' : Caddy's admin endpoint listens on %s: expected another port here, or another address for the endpoint in the environment variable CADDY_ADMIN", b.Address, caddy.DefaultAdminListen)
	}
}

// includes reports whether the bind listens on the address of a host.
func (b *bind) includes(host string) bool {
	switch isIPv6 := strings.Contains(host, ":"); {
	case b.Host == host:
		return true
	case b.allIPv4():
		return !isIPv6
	default:
		return b.allIPv6() && (isIPv6 || !b.v6only)
	}
}

// isBeside reports whether two binds have the same interface and network namespace, or none.
func (b *bind) isBeside(other *bind) bool {
	return b.Interface == other.Interface && b.Namespace == other.Namespace
}

// isSame reports whether two binds have the same address, apart from their ports.
func (b *bind) isSame(other *bind) bool {
	switch {
	case b.isTCP() && other.isTCP() && !b.isBeside(other):
		return false
	case b.Family.IsUnix() || other.Family.IsUnix():
		return b.Family == other.Family && b.Path == other.Path
	case b.Family == haproxyfile.FD || other.Family == haproxyfile.FD:
		return b.Family == other.Family && b.FD == other.FD
	case b.allIPv4() || b.allIPv6():
		return b.allIPv4() == other.allIPv4() && b.allIPv6() == other.allIPv6()
	default:
		return b.Host == other.Host
	}
}

// has reports whether the bind includes a port. Paths and descriptors have no ports.
func (b *bind) has(port int) bool { return b.Port <= port && port <= max(b.Port, b.PortHigh) }

// allIPv6 reports whether the bind listens on all IPv6 addresses.
func (b *bind) allIPv6() bool { return !b.allIPv4() && (b.Host == "" || b.Host == "::") && b.isTCP() }

func (b *bind) isTCP() bool { return !b.Family.IsUnix() && b.Family != haproxyfile.FD }

func (b *bind) isIPv6() bool { return b.Family == haproxyfile.IPv6 || strings.Contains(b.Host, ":") }

// allIPv4 reports whether the bind listens on all IPv4 addresses.
func (b *bind) allIPv4() bool {
	switch b.Family {
	case haproxyfile.Any, haproxyfile.IPv4:
		return b.Host == "" && !b.isIPv6() || b.Host == "0.0.0.0"
	default:
		return false
	}
}
