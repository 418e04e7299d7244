// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// questionOrigin is the place of an expression that asks for the state of a section or a server.
type questionOrigin struct {
	section *proxy
	haproxyfile.Pos
	keyword, in string // in HAProxy's words: the kind of keyword, and the expression it is in
	unused      bool   // the expression has no effect here
}

// processFetches ask for the state of the process. Other fetches without an argument ask about a
// connection in mode tcp, and have no value in mode http.
var processFetches = []string{"act_conn", "stopping", "uptime"}

// sampleFetch is HAProxy's name for the first word of an expression.
const sampleFetch = "sample fetch keyword"

// question is a section or a server that an expression asks about.
type question struct {
	questionOrigin
	sample.Question
}

// addExpressionQuestions adds the questions of an expression. The sections that it asks about may
// be defined further down.
func (t *translation) addExpressionQuestions(p *proxy, pos haproxyfile.Pos, keyword, in string, questions []sample.Question) {
	t.addQuestions(questionOrigin{p, pos, keyword, in, false}, questions)
}

func (t *translation) addQuestions(a questionOrigin, questions []sample.Question) {
	for _, q := range questions {
		if q.About != sample.ObjectConnection {
			t.questions = append(t.questions, question{a, q})
			continue
		}
		if a.unused {
			continue
		}
		t.idsUsed = t.idsUsed || slices.Contains(idFetches, q.Fetch)
		if a.section.isHTTP() && !slices.Contains(processFetches, q.Fetch) {
			t.errorf(a.Pos, "'%s' in %s: it is not available in mode http", q.Fetch, a.section)
		}
	}
}

// validateQuestions reports questions about sections and servers that do not exist.
func (t *translation) validateQuestions() {
	for _, q := range t.questions {
		if err := t.validateQuestion(q); err != "" {
			t.errorf(q.Pos, "%s", err)
		}
	}
}

// validateQuestion returns an error message for a question, or nothing.
func (t *translation) validateQuestion(q question) string {
	if q.About == sample.ObjectEntry {
		return ""
	}
	if q.About == sample.ObjectTable {
		return t.validateTableQuestion(q)
	}
	if q.About == sample.ObjectServer && q.Server == "" {
		return fmt.Sprintf("missing server name in %s.", q)
	}
	kind, sections := "backend", t.backends
	if q.About == sample.ObjectFrontend {
		kind, sections = "frontend", t.frontends
	}
	if q.Proxy == "" {
		return t.validateOwnState(q, kind)
	}
	b := sections[q.Proxy]
	switch {
	case b == nil && t.incomplete:
		return ""
	case b == nil && q.About == sample.ObjectServer:
		return fmt.Sprintf("unable to find proxy '%s' referenced in %s%s", q.Proxy, q, suggestionOrDot(q.Proxy, sections))
	case b == nil:
		return fmt.Sprintf("unable to find %s '%s' referenced in %s%s", kind, q.Proxy, q, suggestionOrDot(q.Proxy, sections))
	}
	return t.validateState(q, b)
}

// validateOwnState validates a question about the section that the expression is in.
func (t *translation) validateOwnState(q question, kind string) string {
	p := q.section
	switch {
	case p.kind == "defaults":
		if q.unused {
			return ""
		}
		return fmt.Sprintf("'%s' in %s: expected the name of a %s in parentheses", q.Fetch, p, kind)
	case q.About == sample.ObjectFrontend && !p.isFrontend(), q.About == sample.ObjectBackend && !p.isBackend():
		return fmt.Sprintf("proxy '%s', referenced in %s, has not %s capability.", p.name, q, kind)
	}
	return t.validateState(q, p)
}

// validateState validates a question about an existing section.
func (t *translation) validateState(q question, p *proxy) string {
	if p.skipped {
		return fmt.Sprintf("'%s' in proxy '%s' asks for the state of %s (%s), which is in mode http and left out: expected a rule without it", q.Fetch, q.section.name, p.quotedName(), p.Pos)
	}
	if q.About == sample.ObjectServer && p.serversByName[q.Server] == nil {
		if p.invalid {
			return ""
		}
		return fmt.Sprintf("unable to find server '%s' in proxy '%s', referenced in %s%s", q.Server, p.name, q, suggestionOrDot(q.Server, p.serversByName))
	}
	if q.unused || q.section.disabled {
		return ""
	}
	if reason := q.withoutState(p); reason != "" {
		return fmt.Sprintf("'%s' in proxy '%s': %s %s", q.Fetch, q.section.name, p, reason)
	}
	p.stateUsed = true
	return ""
}

// withoutState returns the reason why a section has no answer to a question, or nothing.
func (q question) withoutState(p *proxy) string {
	switch {
	case p.isHTTP() && (q.About == sample.ObjectFrontend || q.Fetch == "be_conn"):
		return "is in mode http, and its state is not available here"
	case p.disabled && (q.About != sample.ObjectBackend || q.Fetch == "connslots" || q.Fetch == "be_conn_free"):
		return "is disabled, and its state is not available here"
	case q.About == sample.ObjectFrontend && len(p.binds) == 0 && !p.invalid:
		return "has no 'bind': expected a frontend that listens"
	}
	return ""
}

// String returns the place of a question in HAProxy's words.
func (q question) String() string {
	in := ""
	if q.in != "" {
		in = " in " + q.in
	}
	return fmt.Sprintf("arg 1 of %s '%s'%s in proxy '%s'", q.keyword, q.Fetch, in, q.section.name)
}

// suggestionOrDot ends a message about an unknown name.
func suggestionOrDot[T any](name string, known map[string]T) string {
	if near := didYouMean(name, slices.Collect(maps.Keys(known))); near != "" {
		return near
	}
	return "."
}

// idFetches return the ids of sections and binds. The configuration has ids only if an expression
// uses one of these.
var idFetches = []string{"be_id", "fe_id", "so_id", "so_name"}
