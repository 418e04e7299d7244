// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// maxPorts is the maximum number of ports of a range to list.
const maxPorts = 64

// group is a group of addresses that can be one site: they have one host and the same TLS options.
type group struct {
	keys []string // such as https://:443
	bind string   // for the directive bind; empty: all addresses
	tls  tlsOf
}

// port returns the port of the first key.
func (g *group) port() string {
	_, port, _ := net.SplitHostPort(strings.SplitN(g.keys[0], "//", 2)[1])
	return port
}

// binds returns the groups of a section's bind lines. A backend has one group on the loopback
// address.
func (s *site) binds(selected func(haproxyfile.Pos) bool) (groups []*group) {
	for _, l := range s.section.Lines {
		if l.Words[0] == "bind" && len(l.Words) > 1 && (selected == nil || selected(l.Pos)) {
			groups = s.addBind(groups, l)
		}
	}
	if len(groups) == 0 && s.section.Kind == "backend" {
		groups = []*group{{keys: []string{"http://:" + strconv.Itoa(s.loopback)}, bind: "127.0.0.1"}}
	}
	return groups
}

func (s *site) addBind(groups []*group, l haproxyfile.Line) []*group {
	addresses, err := haproxyfile.ParseAddresses(l.Words[1], haproxyfile.AddressOptions{Bind: true, Getenv: s.config.Getenv})
	if err != nil {
		s.comment(l, "")
		return groups
	}
	of, proxied := s.bindTLS(l)
	for _, a := range addresses {
		if a.Family != haproxyfile.Unix && (!a.HasPort || a.Datagram) || a.Family > haproxyfile.Unix {
			s.comment(l, "")
			continue
		}
		g := &group{bind: hostOf(&a, slices.Contains(l.Words, "v6only")), tls: of}
		s.addPorts(g, &a, l, proxied)
		if len(g.keys) == 0 {
			continue
		}
		if i := slices.IndexFunc(groups, g.joins); i >= 0 {
			groups[i].keys = append(groups[i].keys, g.keys...)
		} else {
			groups = append(groups, g)
		}
	}
	return groups
}

// addPorts adds a key for each port of an address. proxied: clients send a PROXY header there.
func (s *site) addPorts(g *group, a *haproxyfile.Address, l haproxyfile.Line, proxied bool) {
	scheme, unserved := "http", "443"
	if g.tls.on {
		scheme, unserved = "https", "80"
	}
	for _, port := range portsOf(a, g.tls.on) {
		if port == unserved {
			s.comment(l, " (Caddy serves no HTTP on 443, and no HTTPS on 80)")
			continue
		}
		g.keys = append(g.keys, scheme+"://:"+port)
		if proxied {
			s.result.proxied = append(s.result.proxied, net.JoinHostPort(strings.TrimPrefix(g.bind, "tcp6/"), port))
		}
	}
}

// joins reports whether two groups can be one site.
func (g *group) joins(other *group) bool {
	return g.bind == other.bind && fmt.Sprint(g.tls) == fmt.Sprint(other.tls)
}

// hostOf returns the address for the directive bind.
func hostOf(a *haproxyfile.Address, only6 bool) string {
	switch host, err := netip.ParseAddr(a.Host); {
	case a.Family == haproxyfile.Unix:
		return "unix/" + a.Path
	case err == nil && host.IsUnspecified() && host.Is6() && only6, a.Host == "" && a.Family == haproxyfile.IPv6 && only6:
		return "tcp6/[::]"
	case err == nil && host.IsUnspecified():
		return ""
	default:
		return a.Host
	}
}

func portsOf(a *haproxyfile.Address, encrypted bool) (ports []string) {
	if a.Family == haproxyfile.Unix {
		return []string{map[bool]string{true: "443", false: "80"}[encrypted]}
	}
	for port := a.Port; port <= max(a.Port, a.PortHigh) && len(ports) < maxPorts; port++ {
		ports = append(ports, strconv.Itoa(port))
	}
	return ports
}

// block writes a directive and the lines of its block, if any.
func (s *site) block(directive string, lines []string) {
	if len(lines) == 0 {
		s.line(directive)
		return
	}
	s.open(directive)
	for _, l := range lines {
		s.line(l)
	}
	s.close()
}
