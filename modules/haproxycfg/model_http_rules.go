// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// direction is the kind of messages that a list of rules is for.
type direction uint8

const (
	ofRequest direction = 1 << iota
	ofResponse
	ofAfterResponse

	ofResponses = ofResponse | ofAfterResponse
	ofAll       = ofRequest | ofResponses
)

// directions maps keywords to their directions.
var directions = map[string]direction{"http-request": ofRequest, "http-response": ofResponse, "http-after-response": ofAfterResponse}

// ruleLine is a rule while it is read.
type ruleLine struct {
	*httprules.Rule
	statement
	p         *proxy
	direction direction
	paren     string   // text in parentheses after the action, as in set-var(...)
	words     []string // arguments, without the condition
}

// inHTTP reports whether a keyword of mode http has an effect in a section. If not, it reports why.
func (t *translation) inHTTP(p *proxy, s statement) bool {
	switch {
	case p.isAnonymous():
		t.errorf(s.Pos, "'%s' is not allowed in anonymous 'defaults' sections: expected it in the section that it is for", s.keyword)
	case p.kind == "defaults":
		t.errorf(s.Pos, "'%s' in %s is not translated: expected it in the sections that it is for", s.keyword, p)
	case p.mode != "http":
		t.warnf(s.Pos, "'%s' rules ignored for %s as they require HTTP mode", s.keyword, p)
	default:
		return true
	}
	return false
}

// httpRule reads a line of http-request, http-response or http-after-response.
func httpRule(t *translation, p *proxy, s statement) {
	if !t.inHTTP(p, s) {
		return
	}
	name, paren, _ := strings.Cut(s.arg(0), "(")
	if full := name + " " + s.arg(1); full == exporter {
		name, s.args = full, s.args[1:]
	}
	l := &ruleLine{Rule: new(httprules.Rule), p: p, direction: directions[s.keyword], paren: paren}
	a, ok := t.httpAction(p, s, name, l.direction)
	if !ok {
		return
	}
	s.keyword += " " + name
	if !t.applies(&keyword{grade: a.grade, note: a.note, warn: true}, p, s, " in "+p.String()) || a.parse == nil {
		return
	}
	l.Action, l.Origin = underscores(name), s.Pos.String()+": "+s.keyword
	words, after := haproxyfile.CutCondition(s.args[1:])
	l.statement, l.words = s, words
	cond, err := t.condition(p, s, after)
	if err == nil {
		l.If = t.ruleCondition(l, cond)
		err = a.parse(t, l)
	}
	if err != nil {
		t.errorf(s.Pos, "error detected in %s while parsing '%s' rule : %v", p, s.keyword, unavailable(err))
		return
	}
	list := p.httpRules.of(l.direction)
	*list = append(*list, l.Rule)
}

// httpAction returns the action of a name, or reports that rules of a direction cannot have it.
func (t *translation) httpAction(p *proxy, s statement, name string, of direction) (a httpAction, ok bool) {
	a, known := httpActionsByName[name]
	switch {
	case known && a.in&of != 0:
		return a, true
	case strings.HasPrefix(name, "lua."):
		t.errorf(s.Pos, "'%s %s' in %s: there is no Lua", s.keyword, name, p)
	default:
		t.errorf(s.Pos, "'%s' expects an action in %s, but got '%s'%s", s.keyword, p, s.arg(0), didYouMean(name, httpActionNames(of)))
	}
	return httpAction{}, false
}

// redirectRule reads "redirect ...".
func redirectRule(t *translation, p *proxy, s statement) {
	if !t.inHTTP(p, s) {
		return
	}
	l := &ruleLine{Rule: &httprules.Rule{Action: "redirect", Origin: s.Pos.String() + ": redirect"}, statement: s, p: p, direction: ofRequest}
	words, after := haproxyfile.CutCondition(s.args)
	l.words = words
	err := parseRedirectRule(t, l)
	if err == nil {
		var cond *condition
		if cond, err = t.condition(p, s, after); err == nil {
			l.If = t.ruleCondition(l, cond)
		}
	}
	if err != nil {
		t.errorf(s.Pos, "'%s' in %s: error detected while parsing redirect rule : %v", s.keyword, p, unavailable(err))
		return
	}
	p.httpRules.redirects = append(p.httpRules.redirects, l.Rule)
}

// httpSamples returns the loader for sections in mode http.
func (t *translation) httpSamples() *sample.Loader {
	if t.httpLoader == nil {
		t.httpLoader = &sample.Loader{HTTP: true, Open: t.loader.Open}
	}
	return t.httpLoader
}

// loaderFor returns the loader for a section.
func (t *translation) loaderFor(p *proxy) *sample.Loader {
	if p.isHTTP() {
		return t.httpSamples()
	}
	return t.loader
}

// ruleCondition returns a condition for a rule of mode http. A criterion that needs data which is
// not available when the rule runs never matches.
func (t *translation) ruleCondition(l *ruleLine, c *condition) *httprules.Condition {
	made := c.httpCondition(l.p)
	if made == nil {
		return nil
	}
	for _, group := range made.Any {
		for i := range group {
			for k, criterion := range group[i].Any {
				acl, err := t.httpSamples().Criterion(criterion)
				if err != nil {
					continue // already reported
				}
				if lacks := l.validateAvailable(acl.InRequest(), acl.InResponse(), criterion.Fetch); lacks != nil {
					t.warnf(l.Pos, "a condition of '%s' will never match: %v", l.keyword, lacks)
					group[i].Any[k] = sample.Criterion{Fetch: "always_false"}
				}
			}
		}
	}
	return made
}

// httpCondition returns a condition for rules and matchers of mode http, or nil without one.
func (c *condition) httpCondition(p *proxy) *httprules.Condition {
	if c == nil {
		return nil
	}
	return &httprules.Condition{Section: p.name, Condition: *c.sampleCondition()}
}

// sampleCondition returns a condition for complete inputs.
func (c *condition) sampleCondition() *sample.Condition {
	made := &sample.Condition{Unless: c.unless}
	for _, group := range c.groups {
		terms := make([]sample.Term, 0, len(group))
		for _, one := range group {
			terms = append(terms, sample.Term{Name: one.name, Not: one.not, Any: slices.Clone(one.criteria)})
		}
		made.Any = append(made.Any, terms)
	}
	return made
}
