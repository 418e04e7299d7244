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

// sectionSet is a set of kinds of sections. A listen is both a frontend and a backend.
type sectionSet uint8

const (
	inGlobal sectionSet = 1 << iota
	inFrontend
	inBackend
	inDefaults

	inFrontends = inFrontend | inDefaults
	inBackends  = inBackend | inDefaults
	inProxies   = inFrontend | inBackend | inDefaults
	inSections  = inFrontend | inBackend // not in defaults
)

// grade is the degree to which a keyword is supported.
type grade uint8

const (
	supported grade = iota // has the same effect as in HAProxy
	differs                // has the same effect, apart from its note
	pending                // is accepted but not implemented yet
	ignored                // has no effect, without any difference to the traffic
	httpOnly               // ignored by HAProxy too, in mode tcp
	refused                // is an error: ignored, it would misroute or expose traffic
)

// keyword is the entry of a keyword in a table.
type keyword struct {
	name  string // one word or two, such as "timeout client"; "|" is between several names
	in    sectionSet
	grade grade
	note  string // for messages and the documentation

	// args validates the arguments; nil accepts any.
	args func(args []string) error
	// do applies the keyword. A pending keyword may have one too.
	do func(*translation, *proxy, statement)
	// ownMessage is set if do reports that a pending keyword has no effect.
	ownMessage bool
	// warn turns the note of a keyword that differs into a warning. Keywords of all other grades
	// always cause one.
	warn bool
	// http is the grade in mode http of a keyword that is httpOnly. The note is about that mode.
	http grade
	// strict makes it an error where HAProxy otherwise warns and ignores: a backend keyword in a
	// frontend, or the reverse.
	strict bool
	// fixed is set for an option that "no" and "default" must not precede.
	fixed bool
}

// statement is a line while it is looked up in the tables.
type statement struct {
	haproxyfile.Pos
	keyword string
	args    []string
	not     bool // "no" or "default" preceded it
}

// arg returns the argument at i, or nothing.
func (s *statement) arg(i int) string {
	if i < len(s.args) {
		return s.args[i]
	}
	return ""
}

// table maps names to keywords.
type table map[string]*keyword

func newTable(lists ...[]keyword) table {
	t := make(table)
	for _, list := range lists {
		for i := range list {
			addNamed(t, list[i].name, &list[i])
		}
	}
	return t
}

// addNamed adds an entry to a table under each of its names, which "|" separates.
func addNamed[E any](to map[string]E, names string, entry E) {
	for name := range strings.SplitSeq(names, "|") {
		if _, twice := to[name]; twice {
			panic("haproxycfg: keyword " + name + " is in the table twice")
		}
		to[name] = entry
	}
}

// anyOf returns the words of a text as the name of a keyword that several words share.
func anyOf(words string) string { return strings.Join(strings.Fields(words), "|") }

// find returns the entry for the first two words of a line, or else for the first.
func (t table) find(words []string) (k *keyword, name string, args []string) {
	if len(words) > 1 {
		name = words[0] + " " + words[1]
		if k = t[name]; k != nil {
			return k, name, words[2:]
		}
	}
	return t[words[0]], words[0], words[1:]
}

// names returns the keywords allowed in a set of sections.
func (t table) names(in sectionSet) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if t[name].in&in != 0 {
			names = append(names, name)
		}
	}
	return names
}

// similar returns a suggestion for an unknown word: the nearest known one, or nothing.
func (t table) similar(word string, in sectionSet) string { return didYouMean(word, t.names(in)) }

// mainSections are the section names that a misspelled keyword may stand for.
var mainSections = []string{"global", "defaults", "frontend", "backend", "listen", "resolvers", "peers", "userlist"}

// unknown reports an unknown keyword. It returns true if a new section was probably meant, in which
// case the following lines do not belong to the current section.
func (t *translation) unknown(keywords table, in sectionSet, pos haproxyfile.Pos, word, section string) (begins bool) {
	near := options.Nearest(word, append(keywords.names(in), mainSections...))
	t.errorf(pos, "unknown keyword '%s' in '%s' section%s", word, section, suggestion(near))
	begins = slices.Contains(mainSections, near) && word[0] == near[0] // misspelled
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

// apply applies a keyword, or reports why it has no effect. object is the end of the message, such
// as " in backend 'b'".
func (t *translation) apply(k *keyword, p *proxy, s statement, object string) {
	if k.args != nil && (!s.not || len(s.args) > 0) {
		if err := k.args(s.args); err != nil {
			t.errorf(s.Pos, "'%s' %v%s", s.keyword, err, strings.Replace(object, " in ", ", in ", 1))
			return
		}
	}
	if t.applies(k, p, s, object) && k.do != nil {
		k.do(t, p, s)
	}
}

// applies reports what happens to a keyword because of its grade, and returns whether it applies.
func (t *translation) applies(k *keyword, p *proxy, s statement, object string) bool {
	switch k.grade {
	case refused:
		t.refuse(s.Pos, k.note, "'%s'%s: %s", s.keyword, object, k.note)
		return false
	case httpOnly:
		return t.appliesHTTP(k, p, s, object)
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
	return true
}

// appliesHTTP reports what happens to a keyword that HAProxy has for mode http only, and returns
// whether it applies. In defaults it may be for sections of either mode.
func (t *translation) appliesHTTP(k *keyword, p *proxy, s statement, object string) bool {
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
