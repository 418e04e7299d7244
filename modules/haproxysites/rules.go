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
	if slices.ContainsFunc(s.section.Lines, func(l haproxyfile.Line) bool { return l.Words[0] == "stats" }) {
		s.line("# the statistics page has no counterpart yet")
	}
	if r.monitor != "" {
		s.line("respond " + quote(r.monitor) + " 200")
	}
	for _, l := range r.rest {
		s.comment(l, "")
	}
	for _, l := range slices.Concat(r.requests, r.responses, r.redirects) {
		action, condition := haproxyfile.CutCondition(l.Words)
		if l.Words[0] != "redirect" {
			action = action[1:]
		}
		directive, arguments, ok := directiveOf(l.Words[0], action)
		matcher := ""
		if ok {
			matcher, ok = s.matcher(r.acls, l, condition)
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

// requestActions holds the actions that only http-request has.
var requestActions = map[string]func(words []string) (directive string, arguments []string, ok bool){
	"redirect": redirectOf,
	"deny":     denyOf,
	"return":   answerOf,
}

// directiveOf returns the directive for an action.
func directiveOf(keyword string, words []string) (directive string, arguments []string, ok bool) {
	if keyword == "redirect" {
		return redirectOf(words[1:])
	}
	if len(words) == 0 {
		return "", nil, false
	}
	if of := requestActions[words[0]]; of != nil && keyword == "http-request" {
		return of(words[1:])
	}
	if words[0] == "use-service" && len(words) > 1 && words[1] == "prometheus-exporter" {
		return "metrics", nil, true
	}
	return headerOf(keyword, words)
}

// headerOf reads "del-header NAME" and "set-header|add-header NAME FORMAT".
func headerOf(keyword string, words []string) (directive string, arguments []string, ok bool) {
	directive, set := "header", ">"
	if keyword == "http-request" {
		directive, set = "request_header", ""
	}
	switch action := words[0]; {
	case action == "del-header" && len(words) == 2:
		return directive, []string{quote("-" + words[1])}, true
	case action == "set-header" && len(words) == 3:
		value, ok := format(words[2])
		return directive, []string{quote(set + words[1]), quoted(value)}, ok
	case action == "add-header" && len(words) == 3:
		value, ok := format(words[2])
		return directive, []string{quote("+" + words[1]), quoted(value)}, ok
	}
	return "", nil, false
}

// denyOf reads "[deny_status|status N]".
func denyOf(words []string) (directive string, arguments []string, ok bool) {
	switch {
	case len(words) == 0:
		return "respond", []string{"403"}, true
	case len(words) == 2 && (words[0] == "deny_status" || words[0] == "status") && !notNumber(words[1]):
		return "respond", []string{words[1]}, true
	}
	return "", nil, false
}

// redirectOf reads "scheme|location|prefix TO [code N] [drop-query]".
func redirectOf(words []string) (directive string, arguments []string, ok bool) {
	code, uri, kind, to := "302", "{uri}", "", ""
	for len(words) > 0 {
		if words[0] == "drop-query" {
			uri, words = "{path}", words[1:]
			continue
		}
		if len(words) < 2 {
			return "", nil, false
		}
		switch words[0] {
		case "code":
			code = words[1]
		case "scheme", "location", "prefix":
			kind, to = words[0], words[1]
		default:
			return "", nil, false
		}
		words = words[2:]
	}
	to, ok = format(to)
	switch kind {
	case "scheme":
		to += "://{hostport}" + uri
	case "prefix":
		to = strings.TrimSuffix(to, "/") + uri
	}
	return "redir", []string{quoted(to), code}, ok && kind != "" && slices.Contains([]string{"301", "302", "303", "307", "308"}, code)
}

// answerOf reads "[status N] [content-type T] [string TEXT]".
func answerOf(words []string) (directive string, arguments []string, ok bool) {
	status, text := "200", ""
	for len(words) > 1 {
		switch words[0] {
		case "status":
			status = words[1]
		case "string":
			text = words[1]
		case "content-type":
		default:
			return "", nil, false
		}
		words = words[2:]
	}
	if len(words) > 0 || notNumber(status) {
		return "", nil, false
	}
	if text != "" {
		arguments = append(arguments, quote(text))
	}
	return "respond", append(arguments, status), true
}

// placeholders maps HAProxy's expressions to placeholders of a Caddyfile.
var placeholders = map[string]string{
	"hdr(host)": "{hostport}", "req.hdr(host)": "{hostport}", "hdr(Host)": "{hostport}", "req.hdr(Host)": "{hostport}",
	"path": "{path}", "query": "{query}", "url": "{uri}", "pathq": "{uri}", "capture.req.uri": "{uri}",
	"src": "{remote_host}", "src_port": "{remote_port}", "method": "{method}", "ssl_fc_sni": "{http.request.tls.server_name}", "unique-id": "{http.request.uuid}",
}

// format turns a log-format into text with placeholders.
func format(text string) (string, bool) {
	var b strings.Builder
	for text != "" {
		literal, rest, found := strings.Cut(text, "%")
		b.WriteString(strings.NewReplacer("{", `\{`, "}", `\}`).Replace(literal))
		if !found {
			break
		}
		switch {
		case strings.HasPrefix(rest, "%"):
			b.WriteByte('%')
			text = rest[1:]
		case strings.HasPrefix(rest, "ci"):
			b.WriteString("{remote_host}")
			text = rest[2:]
		case strings.HasPrefix(rest, "["):
			expression, after, closed := strings.Cut(rest[1:], "]")
			part, known := placeholders[expression]
			if !closed || !known {
				return "", false
			}
			b.WriteString(part)
			text = after
		default:
			return "", false
		}
	}
	return b.String(), true
}
