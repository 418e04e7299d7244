// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"fmt"
	"net"
	"strings"
)

// speaksHTTP reports whether the connections of a section end in mode http.
func (s *site) speaksHTTP() bool {
	if s.section.Mode == "http" {
		return true
	}
	target := s.config.backend(newRules(s.section).fallback)
	return target != nil && target.Mode == "http"
}

// layer4 writes the block of global options for addresses that terminate TLS and whose servers do
// not speak HTTP, and a site with their certificates.
func (s *site) layer4(groups []*group) Site {
	r := newRules(s.section)
	block := &site{config: s.config, section: s.section, writer: writer{depth: 1}, port: groups[0].port()}
	for _, l := range append(r.rest, r.uses...) {
		block.comment(l, "")
	}
	block.open("layer4")
	block.open(strings.Join(addressesOf(groups), " "))
	block.route(s.config.backend(r.fallback), len(s.result.proxied) > 0)
	block.close()
	block.close()
	s.result.global = block.String()
	s.result.proxied = nil // written above

	s.open(fmt.Sprintf("https://%s.invalid:0", strings.ToLower(strings.Map(hostRune, s.section.Name))))
	s.line("bind 127.0.0.1")
	groups[0].bind = ""
	groups[0].write(s)
	s.line("abort # it is here for its certificates, which the block layer4 of the global options uses by their names")
	s.close()
	s.result.Text, s.result.Untranslated = s.String(), s.untranslated+block.untranslated
	return s.result
}

// addressesOf returns the addresses of groups as layer4 wants them.
func addressesOf(groups []*group) (addresses []string) {
	for _, g := range groups {
		for _, key := range g.keys {
			addresses = append(addresses, net.JoinHostPort(g.bind, key[strings.LastIndexByte(key, ':')+1:]))
		}
	}
	return addresses
}

// route writes the route of layer4 to the servers of a backend; without one, to those of the
// section.
func (s *site) route(target *Section, proxied bool) {
	s.open("route")
	if proxied {
		s.line("proxy_protocol")
	}
	s.line("tls")
	if target == nil {
		target = s.section
	}
	var to []string
	for _, u := range s.servers(target) {
		to = append(to, quote(strings.TrimPrefix(u.address, "https://")))
	}
	if len(to) > 0 {
		s.line("proxy " + strings.Join(to, " "))
	} else {
		s.line("close")
	}
	s.close()
}

// hostRune keeps characters that are valid in a host name.
func hostRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}
