// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// Section is a frontend, a backend or a listen.
type Section struct {
	haproxyfile.Pos
	Kind, Name string
	Mode       string // "tcp" or "http"
	// Lines are those of its defaults and its own, in this order.
	Lines []haproxyfile.Line
}

// Config is what a configuration says.
type Config struct {
	Sections []Section
	// BindValues and ServerValues return how many words follow an option of a
	// bind and of a server line.
	BindValues, ServerValues func(option string) int
	// CrtBase and CaBase are where relative names of certificates begin.
	CrtBase, CaBase string
	// IsDirectory tells whether a name is that of a directory. Default: it is
	// one if it ends with a slash.
	IsDirectory func(name string) bool
	// Getenv is for variables in addresses. Default: there are none.
	Getenv func(string) (string, bool)
}

// Global is the block of global options that belongs before the sites: what
// Caddy does by itself for sites and HAProxy does not, is turned off.
func Global(sites []Site) string {
	var w writer
	w.open("")
	w.line("auto_https off # HAProxy gets no certificates and redirects nothing by itself; without this line Caddy does")
	for _, s := range sites {
		w.WriteString(s.global)
		for _, address := range s.proxied {
			w.open("servers " + address)
			w.open("listener_wrappers")
			w.open("proxy_protocol")
			w.line("allow 0.0.0.0/0 ::/0")
			w.close()
			w.line("tls")
			w.close()
			w.close()
		}
	}
	w.close()
	return w.String()
}

// Lines is the text, with what belongs into the block of global options.
func (s Site) Lines() string {
	if s.global == "" {
		return s.Text
	}
	return "{\n" + s.global + "}\n" + s.Text
}

// Site is the text for one frontend or listen.
type Site struct {
	Text string
	// Untranslated is how many lines stand in it as comments.
	Untranslated int

	global  string   // lines of the global options
	proxied []string // addresses where clients send a PROXY header
}

// Of is the site of a section that listens, as far as its bind lines are
// selected; nil selects all.
func (c *Config) Of(section *Section, selected func(haproxyfile.Pos) bool) Site {
	s := &site{config: c, section: section}
	return s.write(selected)
}

// OfBackend is a site for connections that come to a backend in another way. It
// has a port of the loopback address.
func (c *Config) OfBackend(section *Section, port int) Site {
	s := &site{config: c, section: section, loopback: port}
	return s.write(nil)
}

// site is one on its way.
type site struct {
	config  *Config
	section *Section
	writer
	untranslated int
	matchers     int
	loopback     int    // the port for a backend
	port         string // that servers without one are asked at
	result       Site
}

func (s *site) write(binds func(haproxyfile.Pos) bool) Site {
	s.line(fmt.Sprintf("# %s %s, line %d", s.section.Kind, s.section.Name, s.section.Line))
	groups := s.binds(binds)
	if len(groups) == 0 {
		s.result.Text, s.result.Untranslated = s.String(), s.untranslated
		return s.result
	}
	if !s.speaksHTTP() && s.section.Kind != "backend" {
		return s.layer4(groups)
	}
	body := "import " + snippet(s.section)
	if len(groups) > 1 {
		s.open("(" + snippet(s.section) + ")")
		s.port = groups[0].port()
		s.body()
		s.close()
	}
	for _, g := range groups {
		s.open(strings.Join(g.keys, ", "))
		g.write(s)
		if len(groups) > 1 {
			s.line(body)
		} else {
			s.port = g.port()
			s.body()
		}
		s.close()
	}
	s.result.Text, s.result.Untranslated = s.String(), s.untranslated
	return s.result
}

// snippet is the name of the part that several sites share.
func snippet(s *Section) string { return "haproxy-" + s.Kind + "-" + s.Name }

// body is what a site does.
func (s *site) body() {
	r := newRules(s.section)
	for _, o := range r.options {
		s.line(o)
	}
	s.open("route")
	s.rules(r)
	s.switching(r)
	s.close()
}

// comment takes a line over that has no counterpart.
func (s *site) comment(l haproxyfile.Line, why string) {
	s.untranslated++
	s.line(fmt.Sprintf("# NOT TRANSLATED, line %d: %s%s", l.Line, oneLine(strings.Join(l.Words, " ")), why))
}

// oneLine keeps a text in its comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

// writer writes lines with their indentation.
type writer struct {
	strings.Builder
	depth int
}

func (w *writer) line(text string) {
	w.WriteString(strings.Repeat("\t", w.depth) + text + "\n")
}

func (w *writer) open(what string) {
	w.line(strings.TrimSpace(what + " {"))
	w.depth++
}

func (w *writer) close() {
	w.depth--
	w.line("}")
}

// quote makes one word of a Caddyfile of a text, in which nothing is a
// placeholder.
func quote(text string) string {
	return quoted(strings.NewReplacer("{", `\{`, "}", `\}`).Replace(text))
}

// quoted makes one word of a text as it is.
func quoted(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t\r\n\"`#\\{}<") {
		return text
	}
	if !strings.ContainsAny(text, "`\r") {
		return "`" + text + "`"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ").Replace(text) + `"`
}
