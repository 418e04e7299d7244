// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// sectionSet is a set of places that a keyword may stand in. A listen is a frontend
// and a backend.
type sectionSet uint8

const (
	inGlobal sectionSet = 1 << iota
	inFrontend
	inBackend
	inDefaults

	inFrontends = inFrontend | inDefaults
	inBackends  = inBackend | inDefaults
	inProxies   = inFrontend | inBackend | inDefaults
	inSections  = inFrontend | inBackend // and not in defaults
)

// grade is what becomes of a keyword.
type grade uint8

const (
	supported grade = iota // does what HAProxy's does
	differs                // does it, except for what the note says
	pending                // is accepted, and has no effect yet
	ignored                // is not followed, and nothing about the traffic changes
	httpOnly               // HAProxy itself ignores it in mode tcp
	refused                // is an error: without it other servers would get the traffic, or it would be less protected
)

// keyword is an entry of a table: what a word of haproxy.cfg does.
type keyword struct {
	name  string // one word or two, such as "timeout client"; "|" is between several names
	in    sectionSet
	grade grade
	note  string // for the message and the documentation

	// args says what is wrong with the words after the keyword; nil: nothing is.
	args func(args []string) error
	// do has the effect. A keyword that is pending has one, too.
	do func(*translation, *proxy, statement)
	// ownMessage tells that do gives the message of a keyword that is pending.
	ownMessage bool
	// warn makes a warning of the note of a keyword that differs, as all other
	// grades get one.
	warn bool
	// http is what becomes of a keyword that is httpOnly in mode http: the note is about that.
	http grade
	// strict makes an error of what HAProxy otherwise warns of and ignores: the
	// keyword in a frontend where it belongs in a backend, or the reverse.
	strict bool
	// fixed is that of an option which "no" and "default" must not stand before.
	fixed bool
}

// statement is a line on its way through the tables.
type statement struct {
	haproxyfile.Pos
	keyword string
	args    []string
	not     bool // "no" or "default" stood before it
}

// arg is the argument at i, or nothing.
func (s *statement) arg(i int) string {
	if i < len(s.args) {
		return s.args[i]
	}
	return ""
}

// table is the keywords by name.
type table map[string]*keyword

func newTable(lists ...[]keyword) table {
	t := make(table)
	for _, list := range lists {
		for i := range list {
			k := &list[i]
			for name := range strings.SplitSeq(k.name, "|") {
				if t[name] != nil {
					panic("haproxycfg: keyword " + name + " is in the table twice")
				}
				t[name] = k
			}
		}
	}
	return t
}

// anyOf returns the words of a text as the name of a keyword that several words share.
func anyOf(words string) string { return strings.Join(strings.Fields(words), "|") }

// find is the entry for a line: that of its first two words, or of the first.
func (t table) find(words []string) (k *keyword, name string, args []string) {
	if len(words) > 1 {
		name = words[0] + " " + words[1]
		if k = t[name]; k != nil {
			return k, name, words[2:]
		}
	}
	return t[words[0]], words[0], words[1:]
}

// names are the keywords that may stand in a place.
func (t table) names(in sectionSet) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if t[name].in&in != 0 {
			names = append(names, name)
		}
	}
	return names
}

// similar is what to write after an unknown word: the nearest known, or nothing.
func (t table) similar(word string, in sectionSet) string { return didYouMean(word, t.names(in)) }

// mainSections are those whose misspelt names are looked for among keywords.
var mainSections = []string{"global", "defaults", "frontend", "backend", "listen", "resolvers", "peers", "userlist"}

// unknown says that there is no such keyword. It reports whether a section was
// meant to begin there: the lines below are not of the section above then.
func (t *translation) unknown(keywords table, in sectionSet, pos haproxyfile.Pos, word, section string) (begins bool) {
	near := options.Nearest(word, append(keywords.names(in), mainSections...))
	t.errorf(pos, "unknown keyword '%s' in '%s' section%s", word, section, suggestion(near))
	begins = slices.Contains(mainSections, near) && word[0] == near[0] // misspelt, not another program's word
	t.incomplete = t.incomplete || begins
	return begins
}

func (t *translation) report(pos haproxyfile.Pos, severity haproxyfile.Severity, format string, args ...any) {
	t.problems = append(t.problems, haproxyfile.Problem{Pos: pos, Severity: severity, Message: fmt.Sprintf(format, args...)})
}

func (t *translation) errorf(pos haproxyfile.Pos, format string, args ...any) {
	t.report(pos, haproxyfile.Error, format, args...)
}

func (t *translation) warnf(pos haproxyfile.Pos, format string, args ...any) {
	t.report(pos, haproxyfile.Warning, format, args...)
}

// apply has a keyword take effect, or says why it has none. object is what
// the keyword is an option of, for the message: "'option' in backend 'b'".
func (t *translation) apply(k *keyword, p *proxy, s statement, object string) {
	if k.args != nil && (!s.not || len(s.args) > 0) {
		if err := k.args(s.args); err != nil {
			t.errorf(s.Pos, "'%s' %v%s", s.keyword, err, strings.Replace(object, " in ", ", in ", 1))
			return
		}
	}
	switch k.grade {
	case refused:
		t.refuse(s.Pos, k.note, "'%s'%s: %s", s.keyword, object, k.note)
		return
	case httpOnly:
		if !t.applyHTTP(k, p, s, object) {
			return
		}
	case ignored, pending:
		if !k.ownMessage {
			t.notice(s.Pos, k.grade, k.note, s.keyword)
		}
	case differs:
		if k.warn {
			t.notice(s.Pos, k.grade, k.note, s.keyword)
		}
	case supported:
	}
	if k.do != nil {
		k.do(t, p, s)
	}
}

// applyHTTP says what becomes of a keyword that HAProxy has for mode http only, and
// whether it takes effect. In defaults it may be for sections of either mode.
func (t *translation) applyHTTP(k *keyword, p *proxy, s statement, object string) bool {
	if p.mode != "http" {
		if p.kind != "defaults" || k.do == nil {
			t.notice(s.Pos, httpOnly, "", s.keyword)
		}
		return k.http != refused
	}
	switch k.http {
	case refused:
		if s.not {
			return false
		}
		t.refuse(s.Pos, k.note, "'%s'%s: %s", s.keyword, object, k.note)
		return false
	case ignored, pending, differs:
		if k.note != "" {
			t.notice(s.Pos, k.http, k.note, s.keyword)
		}
	case supported, httpOnly:
	}
	return true
}
