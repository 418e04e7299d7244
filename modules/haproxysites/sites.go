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
	// Lines are the lines of its defaults, followed by its own.
	Lines []haproxyfile.Line
}

// Config holds the sections of a configuration and its settings.
type Config struct {
	Sections []Section
	// BindValues and ServerValues return the number of words after an option of a bind or a server
	// line.
	BindValues, ServerValues func(option string) int
	// CrtBase and CaBase are the directories of relative certificate names.
	CrtBase, CaBase string
	// IsDirectory reports whether a name is a directory. Default: whether it ends with a slash.
	IsDirectory func(name string) bool
	// Getenv looks up variables in addresses. Default: no variable is set.
	Getenv func(string) (string, bool)
}

// Global returns the block of global options to put before the sites. It turns off what Caddy does
// for sites by default and HAProxy does not.
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
			w.line("fallback_policy require")
			w.close()
			w.line("tls")
			w.close()
			w.close()
		}
	}
	w.close()
	return w.String()
}

// Lines returns the text, including its part of the block of global options.
func (s Site) Lines() string {
	if s.global == "" {
		return s.Text
	}
	return "{\n" + s.global + "}\n" + s.Text
}

// Site is the text for one frontend or listen.
type Site struct {
	Text string
	// Untranslated is the number of lines that became comments.
	Untranslated int

	global  string   // lines of the global options
	proxied []string // addresses at which clients send a PROXY header
}

// Of returns the site of a section that listens, for the selected bind lines; nil selects all.
func (c *Config) Of(section *Section, selected func(haproxyfile.Pos) bool) Site {
	s := &site{config: c, section: section}
	return s.write(selected)
}

// OfBackend returns a site for connections that reach a backend in another way. It listens at a
// port of the loopback address.
func (c *Config) OfBackend(section *Section, port int) Site {
	s := &site{config: c, section: section, loopback: port}
	return s.write(nil)
}

// site is a site while it is written.
type site struct {
	config  *Config
	section *Section
	writer
	untranslated int
	matchers     int
	loopback     int    // the port for a backend
	port         string // for servers without one
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

// snippet returns the name of the part that several sites share.
func snippet(s *Section) string { return "haproxy-" + s.Kind + "-" + s.Name }

// body writes the contents of a site.
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

// comment writes a line without a counterpart as a comment.
func (s *site) comment(l haproxyfile.Line, why string) {
	s.untranslated++
	s.line(fmt.Sprintf("# NOT TRANSLATED, line %d: %s%s", l.Line, oneLine(strings.Join(l.Words, " ")), why))
}

// oneLine removes line breaks from a text in a comment.
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

// quote quotes a text as one word of a Caddyfile without placeholders.
func quote(text string) string {
	return quoted(strings.NewReplacer("{", `\{`, "}", `\}`).Replace(text))
}

// quoted quotes a text as one word without any other change.
func quoted(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t\r\n\"`#\\{}<") {
		return text
	}
	if !strings.ContainsAny(text, "`\r") {
		return "`" + text + "`"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ").Replace(text) + `"`
}
