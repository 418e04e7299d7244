// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"regexp"
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
	l := &ruleLine{Rule: new(httprules.Rule), p: p, direction: directions[s.keyword]}
	name, paren, _ := strings.Cut(s.arg(0), "(")
	if s.keyword == "http-request" && name == "use-service" && s.arg(1) == "prometheus-exporter" {
		metricsPage(p, s)
		return
	}
	a, known := httpActionsByName[name]
	if !known || a.in&l.direction == 0 {
		if strings.HasPrefix(name, "lua.") {
			t.errorf(s.Pos, "'%s %s' in %s: there is no Lua", s.keyword, name, p)
			return
		}
		t.errorf(s.Pos, "'%s' expects an action in %s, but got '%s'%s", s.keyword, p, s.arg(0), didYouMean(name, httpActionNames(l.direction)))
		return
	}
	keyword := s.keyword
	s.keyword += " " + name
	switch a.grade {
	case refused:
		t.refuse(s.Pos, a.note, "'%s' in %s: %s", s.keyword, p, a.note)
		return
	case ignored, differs, pending:
		t.notice(s.Pos, a.grade, a.note, s.keyword)
	case supported, httpOnly:
	}
	if a.parse == nil {
		return
	}
	l.Action, l.Origin, l.paren = underscores(name), s.Pos.String()+": "+s.keyword, paren
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
	list := map[string]*[]*httprules.Rule{"http-request": &p.httpRules.request, "http-response": &p.httpRules.response, "http-after-response": &p.httpRules.after}[keyword]
	*list = append(*list, l.Rule)
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

// expectWords returns an error unless the action has n arguments.
func (l *ruleLine) expectWords(n int, what string) error {
	if len(l.words) != n {
		return fmt.Errorf("expects %s, and has '%s'", what, strings.Join(l.words, " "))
	}
	return nil
}

func noWords(_ *translation, l *ruleLine) error { return l.expectWords(0, "nothing but a condition") }

// format validates a log format, and returns it with absolute file names.
func (t *translation) format(l *ruleLine, text string) (string, error) {
	text, f, err := t.readFormat(t.httpSamples(), text)
	if err != nil {
		return "", err
	}
	t.addExpressionQuestions(l.p, l.Pos, sampleFetch, l.keyword+" expression", f.Questions())
	return text, l.validateAvailable(f.InRequest(), f.InResponse(), text)
}

// validateAvailable reports data that is not available when the rule runs.
func (l *ruleLine) validateAvailable(request, response bool, text string) error {
	switch {
	case request && l.direction != ofRequest:
		return fmt.Errorf("'%s' extracts information from 'HTTP request headers', none of which is available here: expected a variable that 'http-request set-var' has set", text)
	case response && l.direction == ofRequest:
		return fmt.Errorf("'%s' extracts information from 'HTTP response headers', none of which is available here", text)
	}
	return nil
}

func parseHeader(t *translation, l *ruleLine) (err error) {
	if err := l.expectWords(2, "a header's name and its value"); err != nil {
		return err
	}
	l.Name = l.words[0]
	l.Value, err = t.format(l, l.words[1])
	return err
}

func parseDeleteHeader(_ *translation, l *ruleLine) error {
	if len(l.words) == 3 && l.words[1] == "-m" {
		if !slices.Contains(headerMethods, l.words[2]) {
			return fmt.Errorf("unknown matching method '%s': expected str, beg, end, sub or reg", l.words[2])
		}
		l.Method, l.words = l.words[2], l.words[:1]
	}
	if err := l.expectWords(1, "a header's name"); err != nil {
		return err
	}
	l.Name = l.words[0]
	if l.Method == "reg" {
		_, err := regexp.Compile(l.Name)
		return err
	}
	return nil
}

func parseReplaceHeader(t *translation, l *ruleLine) error {
	if err := l.expectWords(3, "a header's name, a regular expression and what to put in its place"); err != nil {
		return err
	}
	l.Name, l.words = l.words[0], l.words[1:]
	return parseReplace(t, l)
}

func parseReplace(t *translation, l *ruleLine) (err error) {
	if err := l.expectWords(2, "a regular expression and what to put in its place"); err != nil {
		return err
	}
	l.Pattern = l.words[0]
	if _, err := regexp.Compile(l.Pattern); err != nil {
		return err
	}
	l.Value, err = t.format(l, l.words[1])
	return err
}

func parseValue(t *translation, l *ruleLine) (err error) {
	if err := l.expectWords(1, "a log format"); err != nil {
		return err
	}
	l.Value, err = t.format(l, l.words[0])
	return err
}

func parseStatus(_ *translation, l *ruleLine) error {
	if len(l.words) == 3 && l.words[1] == "reason" { // net/http sends its own reason
		l.words = l.words[:1]
	}
	if err := l.expectWords(1, "a status from 100 to 999"); err != nil {
		return err
	}
	return parseStatusCode(&l.Status, l.words[0])
}

func parseSetVar(t *translation, l *ruleLine) (err error) {
	if l.Name, err = parseHTTPVariable(l.paren); err != nil {
		return err
	}
	if err := l.expectWords(1, "an expression"); err != nil {
		return err
	}
	var e *sample.Expression
	if l.Value, e, err = t.readExpression(t.httpSamples(), l.words[0]); err != nil {
		return err
	}
	t.addExpressionQuestions(l.p, l.Pos, sampleFetch, l.keyword+" expression", e.Questions())
	return l.validateAvailable(e.InRequest(), e.InResponse(), l.Value)
}

func parseSetVarFormat(t *translation, l *ruleLine) (err error) {
	if l.Name, err = parseHTTPVariable(l.paren); err != nil {
		return err
	}
	return parseValue(t, l)
}

func parseUnsetVar(_ *translation, l *ruleLine) (err error) {
	l.Name, err = parseHTTPVariable(l.paren)
	return err
}

// parseHTTPVariable reads the variable in the parentheses of set-var.
func parseHTTPVariable(text string) (string, error) {
	if name, ok := strings.CutPrefix(text, "res."); ok {
		if _, err := parseVariable("req." + name); err != nil {
			return "", err
		}
		return strings.TrimSuffix(text, ")"), nil
	}
	name, err := parseVariable(text)
	if err == nil && strings.HasPrefix(name, "sess.") {
		err = errors.New("variables of the scope 'sess' are not kept from one request of a connection to the next: expected the scope 'txn'")
	}
	return name, err
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
