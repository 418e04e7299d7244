// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxysites"
)

// skipVariable and skipDirective ask for what Options.SkipHTTP does: where an
// adapter is called there are no flags.
const (
	skipVariable  = "HAPROXY_SKIP_HTTP"
	directiveWord = "caddy:"
	skipDirective = "skip-http"
)

// httpRuleWords are rules of mode http.
var httpRuleWords = strings.Fields("http-request http-response http-after-response redirect")

// firstLoopback is the port of the first site for a backend.
const firstLoopback = 8080

// wantsSkip reports whether sections of mode http and binds with ssl are to be
// left out.
func (t *translation) wantsSkip(sources []haproxyfile.Source, o Options) bool {
	skip := o.SkipHTTP
	if v, ok := o.Getenv(skipVariable); ok && v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			t.errorf(haproxyfile.Pos{File: sources[0].Name, Line: 1}, "the environment variable %s is %q: expected 1 or 0", skipVariable, v)
		}
		skip = skip || on
	}
	for _, s := range sources {
		line := 0
		for text := range bytes.Lines(s.Text) {
			line++
			words := strings.Fields(string(text))
			if len(words) < 3 || words[0] != "#" || words[1] != directiveWord {
				continue
			}
			if words[2] != skipDirective || len(words) > 3 {
				t.warnf(haproxyfile.Pos{File: s.Name, Line: line}, "'# %s %s' is no directive: expected '# %s %s'", directiveWord, strings.Join(words[2:], " "), directiveWord, skipDirective)
				continue
			}
			skip = true
		}
	}
	return skip
}

// leaveOut takes a section that is not translated, as far as others must know of
// it.
func (t *translation) leaveOut(p *proxy) {
	p.leftOut = true
	for _, l := range p.lines {
		switch words := l.Words; {
		case words[0] == "disabled":
			p.disabled = true
		case words[0] == "enabled":
			p.disabled = false
		case words[0] == "bind" && len(words) > 1 && l.Pos.Line >= p.Line:
			t.leaveBindOut(p, l.Pos, words[1:])
		}
	}
}

// leaveBindOut takes note of a bind line that is not listened on.
func (t *translation) leaveBindOut(p *proxy, pos haproxyfile.Pos, words []string) {
	addresses, err := haproxyfile.ParseAddresses(words[0], haproxyfile.AddressOptions{Bind: true, Getenv: t.getenv})
	if err != nil {
		t.errorf(pos, "'bind' : %v in %s", err, p)
		return
	}
	for _, a := range addresses {
		p.left = append(p.left, bind{Pos: pos, Address: a, v6only: slices.Contains(words[1:], "v6only")})
	}
}

// hasSSL reports whether the options of a bind line hold ssl.
func hasSSL(words []string) bool {
	for len(words) > 0 {
		if words[0] == "ssl" {
			return true
		}
		words = words[min(len(words), 1+bindOptions[words[0]].values):]
	}
	return false
}

// warnLeftOut names all that is left out, with the sites that would serve it.
func (t *translation) warnLeftOut() {
	if !t.skipHTTP {
		return
	}
	config, sections := t.sites()
	port := firstLoopback
	for i, p := range t.proxies {
		switch {
		case p.disabled:
			continue
		case p.isFrontend() && len(p.left) > 0:
			t.warnSite(p, config.Of(&sections[i], p.isLeft))
		case p.leftOut && p.isFrontend():
			t.warnf(p.Pos, "%s is in mode http and left out; it has no 'bind'", p.words())
		case p.leftOut:
			if t.warnBackend(p, config, &sections[i], port) {
				port++
			}
		}
		for j := range p.left {
			t.checkLeft(p, &p.left[j])
		}
	}
	if len(t.drafts) > 0 {
		var b strings.Builder
		b.WriteString("# A draft: what HAProxy serves by HTTP and with TLS, for Caddy. Lines without a counterpart are marked NOT TRANSLATED.\n")
		b.WriteString(haproxysites.Global(t.drafts))
		for _, d := range t.drafts {
			b.WriteString("\n" + d.Text)
		}
		t.caddyfile = b.String()
	}
}

// sites are the sections as the package haproxysites has them.
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

// isLeft reports whether a bind line is left out.
func (p *proxy) isLeft(pos haproxyfile.Pos) bool {
	return slices.ContainsFunc(p.left, func(b bind) bool { return b.Pos == pos })
}

// warnSite names a section, or its binds with ssl, and the site for it.
func (t *translation) warnSite(p *proxy, d haproxysites.Site) {
	t.drafts = append(t.drafts, d)
	at, what := p.Pos, p.words()+" is in mode http and left out"
	if !p.leftOut {
		at, what = p.left[0].Pos, "'bind "+bindText(&p.left[0])+" ... ssl' in "+p.words()+" is left out"
	}
	t.warnf(at, "%s; as lines of a Caddyfile%s:\n%s", what, marked(d), indented(d.Lines()))
}

// marked says how much of a section is not in its site.
func marked(d haproxysites.Site) string {
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

// warnBackend names a backend, and where it is served. It reports whether that
// is a port of its own.
func (t *translation) warnBackend(p *proxy, config *haproxysites.Config, section *haproxysites.Section, port int) bool {
	for _, f := range t.proxies {
		if f.isFrontend() && !f.disabled && !f.leftOut && len(f.binds) > 0 && f.leadsTo(p) {
			d := config.OfBackend(section, port)
			t.drafts = append(t.drafts, d)
			t.warnf(p.Pos, "%s is in mode http and left out: connections that %s sends there are closed; with 'mode tcp' and 'server caddy 127.0.0.1:%d' in it, and in a Caddyfile%s:\n%s",
				p.words(), f.words(), port, marked(d), indented(d.Lines()))
			return true
		}
	}
	for _, f := range t.proxies {
		if f.isFrontend() && !f.disabled && len(f.left) > 0 && f.mentions(p.name) {
			t.warnf(p.Pos, "%s is in mode http and left out: it is in the site of %s (line %d)", p.words(), f.words(), f.Line)
			return false
		}
	}
	t.warnf(p.Pos, "%s is in mode http and left out; no frontend leads to it", p.words())
	return false
}

// isAskedFor reports whether a section that is left out may get connections of
// one that is not.
func (t *translation) isAskedFor(p *proxy) bool {
	return p.isBackend() && slices.ContainsFunc(t.proxies, func(f *proxy) bool {
		return f.isFrontend() && !f.disabled && !f.leftOut && f.leadsTo(p)
	})
}

// mentions reports whether the lines of a section name a backend.
func (p *proxy) mentions(name string) bool {
	return slices.ContainsFunc(p.lines, func(l haproxyfile.Line) bool {
		return len(l.Words) > 1 && (l.Words[0] == "use_backend" || l.Words[0] == "default_backend") && (l.Words[1] == name || strings.Contains(l.Words[1], "%"))
	})
}

// checkLeft finds those that would get what came to an address, or that need it.
func (t *translation) checkLeft(p *proxy, b *bind) {
	for other := range t.bound {
		if other.catches(b) {
			t.errorf(b.Pos, "'bind %s' in %s is left out, and its connections would come to 'bind %s' (%s): expected one of the two on a port of its own", bindText(b), p.words(), bindText(other), other.Pos)
			return
		}
	}
	for _, q := range t.proxies {
		if q.disabled || q.leftOut {
			continue
		}
		for _, n := range q.servers {
			if b.reaches(&n.address) {
				t.warnf(n.Pos, "'server %s/%s' is at the address of %s (%s), which is left out: it is down until another program listens there, such as Caddy with the site above or below", q.name, n.name, p.words(), b.Pos)
			}
		}
	}
}

// catches reports whether a bind gets the connections of an address on which
// nothing else listens.
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

// reaches reports whether an address is one of those that the bind listened on.
func (b *bind) reaches(a *haproxyfile.Address) bool {
	if a.Family.IsUnix() || b.Family.IsUnix() {
		return a.Family == b.Family && a.Path == b.Path
	}
	local := strings.HasPrefix(a.Host, "127.") || a.Host == "::1" || a.Host == "localhost"
	return a.HasPort && b.has(a.Port) && (a.Host == b.Host || local && (b.allIPv4() || b.allIPv6()))
}
