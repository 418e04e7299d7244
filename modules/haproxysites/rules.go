// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// rules holds the lines of a section by their kind.
type rules struct {
	acls      acls
	options   []string
	monitor   string             // monitor-uri
	requests  []haproxyfile.Line // http-request
	redirects []haproxyfile.Line
	responses []haproxyfile.Line
	uses      []haproxyfile.Line
	fallback  string
	rest      []haproxyfile.Line
}

// elsewhere are keywords that are used in other places, or that Caddy does not need.
var elsewhere = strings.Fields("mode bind server default-server balance retries timeout log option maxconn backlog description id guid stats http-reuse fullconn hash-type cookie http-check capture unique-id-format unique-id-header log-format log-tag no errorfile email-alert default enabled disabled server-template")

// ruleKeywords says for each keyword how its lines are kept, and how many words they have at least.
var ruleKeywords = map[string]struct {
	words int
	keep  func(*rules, haproxyfile.Line)
}{
	"acl": {3, func(r *rules, l haproxyfile.Line) {
		r.acls[l.Words[1]] = append(r.acls[l.Words[1]], l.Words[2:])
	}},
	"http-request":        {2, func(r *rules, l haproxyfile.Line) { r.requests = append(r.requests, l) }},
	"redirect":            {1, func(r *rules, l haproxyfile.Line) { r.redirects = append(r.redirects, l) }},
	"http-response":       {1, func(r *rules, l haproxyfile.Line) { r.responses = append(r.responses, l) }},
	"http-after-response": {1, func(r *rules, l haproxyfile.Line) { r.responses = append(r.responses, l) }},
	"use_backend":         {2, func(r *rules, l haproxyfile.Line) { r.uses = append(r.uses, l) }},
	"default_backend":     {2, func(r *rules, l haproxyfile.Line) { r.fallback = l.Words[1] }},
	"option": {2, func(r *rules, l haproxyfile.Line) {
		if l.Words[1] == "httplog" {
			r.option("log")
		}
	}},
	"compression": {1, func(r *rules, _ haproxyfile.Line) { r.option("encode gzip") }},
	"monitor-uri": {2, func(r *rules, l haproxyfile.Line) { r.monitor = l.Words[1] }},
}

func newRules(s *Section) *rules {
	r := &rules{acls: make(acls)}
	for _, l := range s.Lines {
		keyword, known := ruleKeywords[l.Words[0]]
		switch {
		case known && len(l.Words) >= keyword.words:
			keyword.keep(r, l)
		case !slices.Contains(elsewhere, l.Words[0]):
			r.rest = append(r.rest, l)
		}
	}
	return r
}

func (r *rules) option(line string) {
	if !slices.Contains(r.options, line) {
		r.options = append(r.options, line)
	}
}

// rules writes the rules for requests before they go to a server.
func (s *site) rules(r *rules) {
	if r.monitor != "" {
		s.line("respond " + quote(r.monitor) + " 200")
	}
	for _, l := range r.rest {
		s.comment(l, "")
	}
	s.each(slices.Concat(r.requests, r.responses), r.acls)
	s.page()
	s.each(r.redirects, r.acls)
}

// each writes the directive of each rule.
func (s *site) each(lines []haproxyfile.Line, acls acls) {
	for _, l := range lines {
		action, condition := haproxyfile.CutCondition(l.Words)
		if l.Words[0] != "redirect" {
			action = action[1:]
		}
		directive, arguments, ok := directiveOf(l.Words[0], action)
		matcher := ""
		if ok {
			matcher, ok = s.matcher(acls, l, condition)
		}
		if !ok {
			s.comment(l, "")
			continue
		}
		s.line(strings.Join(append([]string{directive + matcher}, arguments...), " "))
	}
}

// matcher writes the named matcher of a condition. It returns " @name", or nothing if there is no
// condition.
func (s *site) matcher(a acls, l haproxyfile.Line, condition []string) (string, bool) {
	if len(condition) == 0 {
		return "", true
	}
	text, ok := a.expression(condition[1:])
	if !ok {
		return "", false
	}
	if condition[0] == "unless" {
		text = "!(" + text + ")"
	}
	s.matchers++
	name := fmt.Sprintf("@line%d", l.Line)
	if s.matchers > 1 {
		name += "-" + strconv.Itoa(s.matchers)
	}
	s.line(name + " expression `" + text + "`")
	return " " + name, true
}
