// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// read reads the sections in order.
func (t *translation) read(sections []haproxyfile.Section) {
	for _, s := range sections {
		switch s.Kind {
		case "global":
			t.readGlobal(s)
		case "defaults":
			t.readDefaults(s)
		case "frontend", "backend", "listen":
			t.readProxy(s)
		case "healthcheck":
			t.readHealthcheck(s)
		default:
			t.readOther(s)
		}
	}
}

func (t *translation) readGlobal(s haproxyfile.Section) {
	if len(s.Args) > 0 {
		t.errorf(s.Pos, "'global' cannot handle unexpected argument '%s': expected none", s.Args[0])
	}
	for _, l := range s.Lines {
		st, words := newStatement(l)
		k, name, args := globalKeywords.find(words)
		if k == nil {
			if t.unknown(globalKeywords, inGlobal, l.Pos, words[0], "global") {
				return
			}
			continue
		}
		st.keyword, st.args = name, args
		if st.not && !slices.Contains(negatable, name) {
			t.errorf(l.Pos, "negation/default currently supported only for options, log, %s, and not for '%s'", strings.Join(negatable[1:], ", "), name)
			continue
		}
		t.apply(k, nil, st, "")
	}
}

// validateName reports a name with invalid characters.
func (t *translation) validateName(pos haproxyfile.Pos, what, name string) bool {
	i := strings.IndexFunc(name, func(c rune) bool { return balancer.ValidateName(string(c)) != nil })
	if i < 0 {
		return true
	}
	c, _ := utf8.DecodeRuneInString(name[i:])
	t.errorf(pos, "character '%c' is not permitted in %s '%s': expected letters, digits and any of -_.:", c, what, name)
	return false
}

// readProxy reads "frontend NAME [from NAME]" and the like.
func (t *translation) readProxy(s haproxyfile.Section) {
	p := &proxy{Pos: s.Pos, kind: s.Kind, acls: make(map[string]*acl), serversByName: make(map[string]*server)}
	if len(s.Args) == 0 {
		t.errorf(s.Pos, "'%s' expects an <id> argument, such as '%s web'", s.Kind, s.Kind)
		t.incomplete = true
		return
	}
	before := len(t.problems)
	p.name = s.Args[0]
	t.validateName(s.Pos, "'"+s.Kind+"' name", p.name)
	from := t.parent(p, s.Args[1:], t.anonymous)
	p.inherit(from)
	t.validateParent(p, from)
	t.declare(p)
	if p.takeLines(s.Lines); t.skipHTTP && p.mode == "http" {
		t.skipSection(p)
		return
	}
	t.readLines(p, s.Lines)
	p.invalid = p.invalid || t.failedAfter(before)
}

// newStatement removes "no" and "default" from the start of a line.
func newStatement(l haproxyfile.Line) (statement, []string) {
	s, words := statement{Pos: l.Pos}, l.Words
	if len(words) > 1 && (words[0] == "no" || words[0] == "default") {
		s.not, words = true, words[1:]
	}
	return s, words
}

// takeLines adds the lines of a proxy before they are read, and sets its mode. The mode changes the
// meaning of all lines, wherever it stands.
func (p *proxy) takeLines(lines []haproxyfile.Line) {
	p.lines = slices.Concat(p.lines, lines)
	for _, l := range lines {
		if l.Words[0] == "mode" && len(l.Words) > 1 {
			p.mode = l.Words[1]
		}
	}
}

// readLines reads the lines of a proxy.
func (t *translation) readLines(p *proxy, lines []haproxyfile.Line) {
	for _, l := range lines {
		st, words := newStatement(l)
		k, name, args := proxyKeywords.find(words)
		if k == nil {
			if keywordFamilies[words[0]] != "" {
				t.unknownSecond(p, l.Pos, words)
			} else if t.unknown(proxyKeywords, p.capabilities(), l.Pos, words[0], p.kind) {
				return
			}
			continue
		}
		st.keyword, st.args = name, args
		if t.skipHTTP && p.kind == "defaults" && slices.Contains(httpRuleWords, name) {
			t.notice(l.Pos, ignored, "they are for sections of mode http, which are left out", name)
			continue
		}
		if t.allowed(k, p, st) {
			t.apply(k, p, st, " in "+p.String())
		}
	}
}

// allowed reports whether a keyword is allowed in the section. If not, it reports why.
func (t *translation) allowed(k *keyword, p *proxy, s statement) bool {
	if k.in&p.capabilities() != 0 {
		return !s.not || t.allowedNegated(k, p, s)
	}
	if p.kind == "defaults" {
		t.errorf(s.Pos, "'%s' not allowed in 'defaults' section: expected it in the sections that it is for", s.keyword)
		return false
	}
	capability := "frontend"
	if k.in&inFrontend == 0 {
		capability = "backend"
	}
	if k.strict {
		t.errorf(s.Pos, "'%s' not allowed because %s has no %s capability", s.keyword, p, capability)
	} else {
		t.warnf(s.Pos, "'%s' ignored because %s has no %s capability", s.keyword, p, capability)
	}
	return false
}

// allowedNegated reports whether "no" or "default" may precede a keyword. If not, it reports why.
func (t *translation) allowedNegated(k *keyword, p *proxy, s statement) bool {
	switch {
	case k.fixed:
		t.errorf(s.Pos, "negation/default is not supported for option '%s' in %s", strings.TrimPrefix(s.keyword, "option "), p)
	case !strings.HasPrefix(s.keyword, "option ") && s.keyword != "log":
		t.errorf(s.Pos, "negation/default currently supported only for options, log: '%s' is no option", s.keyword)
	case s.keyword == "log" && len(s.args) > 0:
		t.errorf(s.Pos, "'no log' does not expect arguments, and has '%s'", s.args[0])
	default:
		return true
	}
	return false
}

// keywordFamilies maps keywords that need a second word to HAProxy's message about an unknown one.
var keywordFamilies = map[string]string{
	"option":       "unknown option '%s'",
	"timeout":      "'timeout' supports 'client', 'server', 'connect', 'check', 'queue', 'http-keep-alive', 'http-request', 'tunnel', 'tarpit', 'client-fin' and 'server-fin' (got '%s')",
	"tcp-request":  "'tcp-request' expects 'inspect-delay', 'connection', 'session' or 'content' (got '%s')",
	"tcp-response": "'tcp-response' expects 'inspect-delay' or 'content' (got '%s')",
	"stick":        "'stick' expects 'on', 'match', 'store-request' or 'store-response' (got '%s')",
	"stats":        "unknown stats parameter '%s'",
	"monitor":      "'monitor' expects 'fail' (got '%s')",
	"declare":      "'declare' expects 'capture' (got '%s')",
	"rate-limit":   "'rate-limit' only supports 'sessions' (got '%s')",
	"capture":      "'capture' expects 'cookie', 'request header' or 'response header' (got '%s')",
}

// unknownSecond reports a second word that does not make a keyword with the first.
func (t *translation) unknownSecond(p *proxy, pos haproxyfile.Pos, words []string) {
	switch {
	case len(words) > 1:
	case words[0] == "option":
		t.errorf(pos, "'option' expects an option name, in %s", p)
		return
	default:
		t.errorf(pos, "missing argument for '%s' in %s", words[0], p)
		return
	}
	var known []string
	for name := range proxyKeywords {
		if rest, ok := strings.CutPrefix(name, words[0]+" "); ok {
			known = append(known, rest)
		}
	}
	t.errorf(pos, keywordFamilies[words[0]]+"%s, in %s", words[1], didYouMean(words[1], known), p)
}
