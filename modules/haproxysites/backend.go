// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// switching writes where requests go: the use_backend rules in order, then the default.
func (s *site) switching(r *rules) {
	for _, l := range r.uses {
		rule, condition := haproxyfile.CutCondition(l.Words)
		target := s.config.backend(rule[1])
		if target == nil {
			s.comment(l, "")
			continue
		}
		matcher, ok := s.matcher(r.acls, l, condition)
		if !ok {
			s.comment(l, "")
			continue
		}
		s.open("handle" + matcher)
		s.backend(target)
		s.close()
	}
	s.open("handle")
	switch target := s.config.backend(r.fallback); {
	case target != nil:
		s.backend(target)
	case s.section.Kind == "listen" || s.section.Kind == "backend":
		s.upstreams(s.section)
	default:
		s.line("respond 503")
	}
	s.close()
}

func (c *Config) backend(name string) *Section {
	i := slices.IndexFunc(c.Sections, func(s Section) bool { return s.Name == name && s.Kind != "frontend" })
	if i < 0 {
		return nil
	}
	return &c.Sections[i]
}

// backend writes the rules and the servers of a backend.
func (s *site) backend(b *Section) {
	s.line(fmt.Sprintf("# %s %s, line %d", b.Kind, b.Name, b.Line))
	frontend := s.section
	s.section = b
	s.open("route")
	if b.Kind == "backend" { // the rules of a listen are written with its addresses
		s.rules(newRules(b))
	}
	s.upstreams(b)
	s.close()
	s.section = frontend
}

// upstream is a server line.
type upstream struct {
	haproxyfile.Line
	name, address string
	options       map[string]string
}

func (u *upstream) has(option string) bool { _, ok := u.options[option]; return ok }

// upstreams writes the directive reverse_proxy.
func (s *site) upstreams(b *Section) {
	servers := s.servers(b)
	if len(servers) == 0 {
		s.line("respond 503")
		return
	}
	p := &proxy{section: b, servers: servers}
	p.read()
	var to []string
	for _, u := range servers {
		to = append(to, quote(u.address))
	}
	s.block("reverse_proxy "+strings.Join(to, " "), p.lines(s))
}

// servers returns the servers that can be upstreams. The others become comments.
func (s *site) servers(b *Section) (servers []*upstream) {
	defaults := make(map[string]string)
	for _, l := range b.Lines {
		switch l.Words[0] {
		case "default-server":
			s.options(defaults, l.Words[1:])
		case "server":
			if len(l.Words) < 3 {
				s.comment(l, "")
				continue
			}
			u := &upstream{Line: l, name: l.Words[1], options: maps.Clone(defaults)}
			s.options(u.options, l.Words[3:])
			if why := s.dial(u); why != "" {
				s.comment(l, why)
				continue
			}
			servers = append(servers, u)
		case "server-template":
			s.comment(l, "")
		}
	}
	return s.active(servers)
}

// active returns the servers that Caddy can balance over. It leaves out backups beside several
// servers, and mixtures of servers with and without TLS.
func (s *site) active(servers []*upstream) (active []*upstream) {
	backups := 0
	for _, u := range servers {
		if u.has("backup") {
			backups++
		}
	}
	for _, u := range servers {
		switch {
		case u.has("backup") && len(servers)-backups > 1:
			s.comment(u.Line, " (Caddy has no backup servers)")
		case u.has("ssl") != servers[0].has("ssl"):
			s.comment(u.Line, " (its neighbours differ in ssl)")
		default:
			active = append(active, u)
		}
	}
	slices.SortStableFunc(active, func(a, b *upstream) int {
		return cmp.Compare(fmt.Sprint(a.has("backup")), fmt.Sprint(b.has("backup")))
	})
	return active
}

// options reads the options of a server or default-server line.
func (s *site) options(into map[string]string, words []string) {
	for len(words) > 0 {
		n := min(s.config.ServerValues(words[0]), len(words)-1)
		name := words[0]
		if off, ok := strings.CutPrefix(name, "no-"); ok {
			delete(into, off)
		} else if name == "enabled" {
			delete(into, "disabled")
		} else {
			into[name] = strings.Join(words[1:1+n], " ")
		}
		words = words[1+n:]
	}
}

// dial sets the address of a server, or returns the reason why it has none.
func (s *site) dial(u *upstream) string {
	a, err := haproxyfile.ParseAddress(u.Words[2], haproxyfile.AddressOptions{Getenv: s.config.Getenv})
	switch {
	case err != nil || a.Family > haproxyfile.Unix || a.Offset != 0 || a.Datagram:
		return " (its address)"
	case u.has("disabled"):
		return " (disabled)"
	case a.Family == haproxyfile.Unix && u.has("ssl"):
		return " (ssl on a Unix socket)"
	case a.Family == haproxyfile.Unix:
		u.address = "unix/" + a.Path
		return ""
	case a.Host == "":
		return " (its address)"
	}
	port := s.port
	if a.HasPort {
		port = strconv.Itoa(a.Port)
	}
	u.address = net.JoinHostPort(a.Host, port)
	if u.has("ssl") {
		u.address = "https://" + u.address
	}
	return ""
}
