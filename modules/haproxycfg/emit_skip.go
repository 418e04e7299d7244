// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxysites"
)

// firstLoopback is the port of the first site that stands for a backend.
const firstLoopback = 8080

// warnSkipped warns of everything that is left out, with the sites that would serve it.
func (t *translation) warnSkipped() {
	if !t.skipHTTP {
		return
	}
	config, sections := t.sites()
	port := firstLoopback
	for i, p := range t.proxies {
		if p.disabled {
			continue
		}
		if t.warnSection(p, config, &sections[i], port) {
			port++
		}
		for j := range p.skippedBinds {
			t.validateSkippedBind(p, &p.skippedBinds[j])
		}
	}
	if len(t.drafts) > 0 {
		t.caddyfile = draftCaddyfile(t.drafts)
	}
}

// warnSection warns of a section of which anything is left out. It reports whether its site uses up
// the port.
func (t *translation) warnSection(p *proxy, config *haproxysites.Config, section *haproxysites.Section, port int) bool {
	switch {
	case p.isFrontend() && len(p.skippedBinds) > 0:
		t.warnSite(p, config.Of(section, p.isSkippedBind))
	case p.skipped && p.isFrontend():
		t.warnf(p.Pos, "%s is in mode http and left out; it has no 'bind'", p.quotedName())
	case p.skipped:
		return t.warnBackend(p, config, section, port)
	}
	return false
}

// draftCaddyfile returns a Caddyfile with all sites.
func draftCaddyfile(drafts []haproxysites.Site) string {
	var b strings.Builder
	b.WriteString("# A draft: what HAProxy serves by HTTP and with TLS, for Caddy. Lines without a counterpart are marked NOT TRANSLATED.\n")
	b.WriteString(haproxysites.Global(drafts))
	for _, d := range drafts {
		b.WriteString("\n" + d.Text)
	}
	return b.String()
}

// sites returns the sections in the form of package haproxysites.
func (t *translation) sites() (*haproxysites.Config, []haproxysites.Section) {
	sections := make([]haproxysites.Section, len(t.proxies))
	for i, p := range t.proxies {
		sections[i] = haproxysites.Section{Pos: p.Pos, Kind: p.kind, Name: p.name, Mode: p.mode, Lines: p.lines}
	}
	return &haproxysites.Config{
		Sections:     sections,
		BindValues:   func(option string) int { return bindOptions[option].values },
		ServerValues: func(option string) int { return serverKeywords[option].values },
		CrtBase:      t.crtBase,
		CaBase:       t.caBase,
		IsDirectory:  isDirectory,
		Getenv:       t.getenv,
	}, sections
}

func isDirectory(name string) bool {
	info, err := os.Stat(name)
	return filepath.IsAbs(name) && err == nil && info.IsDir()
}

// isSkippedBind reports whether a bind line is left out.
func (p *proxy) isSkippedBind(pos haproxyfile.Pos) bool {
	return slices.ContainsFunc(p.skippedBinds, func(b bind) bool { return b.Pos == pos })
}

// warnSite warns of a section, or of its binds with ssl, with the site that would serve it.
func (t *translation) warnSite(p *proxy, d haproxysites.Site) {
	t.drafts = append(t.drafts, d)
	at, what := p.Pos, p.quotedName()+" is in mode http and left out"
	if !p.skipped {
		at, what = p.skippedBinds[0].Pos, "'bind "+bindText(&p.skippedBinds[0])+" ... ssl' in "+p.quotedName()+" is left out"
	}
	t.warnf(at, "%s; as lines of a Caddyfile%s:\n%s", what, notTranslated(d), indented(d.Lines()))
}

// notTranslated describes how much of a section its site lacks.
func notTranslated(d haproxysites.Site) string {
	switch d.Untranslated {
	case 0:
		return ""
	case 1:
		return ", with one line that is NOT TRANSLATED"
	default:
		return fmt.Sprintf(", with %d lines that are NOT TRANSLATED", d.Untranslated)
	}
}

func indented(text string) string {
	return "\t" + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n\t")
}

// warnBackend warns of a backend, and where it is served. It reports whether the backend uses up
// the port.
func (t *translation) warnBackend(p *proxy, config *haproxysites.Config, section *haproxysites.Section, port int) bool {
	for f := range t.frontendsOf(p) {
		if !f.skipped && len(f.binds) > 0 {
			d := config.OfBackend(section, port)
			t.drafts = append(t.drafts, d)
			t.warnf(p.Pos, "%s is in mode http and left out: connections that %s sends there are closed; with 'mode tcp' and 'server caddy 127.0.0.1:%d' in it, and in a Caddyfile%s:\n%s",
				p.quotedName(), f.quotedName(), port, notTranslated(d), indented(d.Lines()))
			return true
		}
	}
	for _, f := range t.proxies {
		if f.isFrontend() && !f.disabled && len(f.skippedBinds) > 0 && f.mentions(p.name) {
			t.warnf(p.Pos, "%s is in mode http and left out: it is in the site of %s (line %d)", p.quotedName(), f.quotedName(), f.Line)
			return false
		}
	}
	t.warnf(p.Pos, "%s is in mode http and left out; no frontend leads to it", p.quotedName())
	return false
}

// mentions reports whether a line of the section may name a backend.
func (p *proxy) mentions(name string) bool {
	return slices.ContainsFunc(p.lines, func(l haproxyfile.Line) bool {
		return len(l.Words) > 1 && (l.Words[0] == "use_backend" || l.Words[0] == "default_backend") && (l.Words[1] == name || strings.Contains(l.Words[1], "%"))
	})
}
