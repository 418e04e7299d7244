// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// httpRuleWords are the keywords of rules in mode http.
var httpRuleWords = strings.Fields("http-request http-response http-after-response redirect")

// skipSection reads the few settings of a skipped section that other sections need.
func (t *translation) skipSection(p *proxy) {
	p.skipped = true
	for _, l := range p.lines {
		switch words := l.Words; {
		case words[0] == "disabled":
			p.disabled = true
		case words[0] == "enabled":
			p.disabled = false
		case words[0] == "bind" && len(words) > 1 && l.Pos.Line >= p.Line:
			t.skipBind(p, l.Pos, words[1:])
		}
	}
}

// skipBind records the addresses of a skipped bind line.
func (t *translation) skipBind(p *proxy, pos haproxyfile.Pos, words []string) {
	addresses, err := haproxyfile.ParseAddresses(words[0], haproxyfile.AddressOptions{Bind: true, Getenv: t.getenv})
	if err != nil {
		t.errorf(pos, "'bind' : %v in %s", err, p)
		return
	}
	for _, a := range addresses {
		p.skippedBinds = append(p.skippedBinds, bind{Pos: pos, Address: a, v6only: slices.Contains(words[1:], "v6only")})
	}
}

// hasSSL reports whether the options of a bind line include ssl.
func hasSSL(words []string) bool {
	for len(words) > 0 {
		if words[0] == "ssl" {
			return true
		}
		words = words[min(len(words), 1+bindOptions[words[0]].values):]
	}
	return false
}

// mayGetConnections reports whether a skipped section may get connections of one that is not
// skipped.
func (t *translation) mayGetConnections(p *proxy) bool {
	if !p.isBackend() {
		return false
	}
	for f := range t.frontendsOf(p) {
		if !f.skipped {
			return true
		}
	}
	return false
}

// validateSkippedBind reports binds that would get the connections of a skipped bind, and servers
// at its address.
func (t *translation) validateSkippedBind(p *proxy, b *bind) {
	for other := range t.activeBinds {
		if other.catches(b) {
			t.errorf(b.Pos, "'bind %s' in %s is left out, and its connections would go to 'bind %s' (%s): expected one of the two on a port of its own", bindText(b), p.quotedName(), bindText(other), other.Pos)
			return
		}
	}
	for _, q := range t.proxies {
		if q.disabled || q.skipped {
			continue
		}
		for _, n := range q.servers {
			if b.reaches(&n.endpoint) {
				t.warnf(n.Pos, "'server %s/%s' is at the address of %s (%s), which is left out: it is down until another program listens there, such as Caddy with the site above or below", q.name, n.Name, p.quotedName(), b.Pos)
			}
		}
	}
}

// catches reports whether b gets the connections for an address that nothing else listens on.
func (b *bind) catches(other *bind) bool {
	if !b.isTCP() || !other.isTCP() {
		return b.isSame(other)
	}
	if max(b.Port, other.Port) > min(max(b.Port, b.PortHigh), max(other.Port, other.PortHigh)) {
		return false
	}
	switch {
	case b.isSame(other):
		return true
	case b.allIPv4():
		return !other.isIPv6()
	case b.allIPv6():
		return other.isIPv6() || !b.v6only
	default:
		return false
	}
}

// reaches reports whether an address is one that the bind would have listened on.
func (b *bind) reaches(a *haproxyfile.Address) bool {
	if a.Family.IsUnix() || b.Family.IsUnix() {
		return a.Family == b.Family && a.Path == b.Path
	}
	local := strings.HasPrefix(a.Host, "127.") || a.Host == "::1" || a.Host == "localhost"
	return a.HasPort && b.has(a.Port) && (a.Host == b.Host || local && (b.allIPv4() || b.allIPv6()))
}
