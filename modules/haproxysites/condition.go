// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"slices"
	"strings"
)

// acls holds the lines of each ACL by name.
type acls map[string][][]string

// expression returns a condition as an expression of Caddy (CEL). ok is false if a part of it has
// no counterpart.
func (a acls) expression(words []string) (text string, ok bool) {
	var groups []string
	var group []string
	words = slices.Concat(words, []string{"or"})
	for len(words) > 0 {
		if word := words[0]; word == "||" || strings.EqualFold(word, "or") {
			if len(group) == 0 {
				return "", false
			}
			groups, group = append(groups, strings.Join(group, " && ")), nil
			words = words[1:]
			continue
		}
		term, rest, ok := a.term(words)
		if !ok {
			return "", false
		}
		group, words = append(group, term), rest
	}
	if len(groups) == 1 {
		return groups[0], true
	}
	return "(" + strings.Join(groups, ") || (") + ")", true
}

// term returns the first term of a condition, an ACL or a criterion in braces, and what follows it.
func (a acls) term(words []string) (text string, rest []string, ok bool) {
	word, rest := words[0], words[1:]
	not := false
	for strings.HasPrefix(word, "!") {
		if not, word = !not, word[1:]; word == "" && len(rest) > 0 {
			word, rest = rest[0], rest[1:]
		}
	}
	if word == "{" {
		end := slices.Index(rest, "}")
		if end < 1 {
			return "", nil, false
		}
		text, ok = criterion(rest[:end])
		rest = rest[end+1:]
	} else {
		text, ok = a.named(word)
	}
	if not {
		text = "!" + text
	}
	return text, rest, ok
}

// named returns the expression for an ACL.
func (a acls) named(name string) (string, bool) {
	var terms []string
	for _, words := range a[name] {
		term, ok := criterion(words)
		if !ok {
			return "", false
		}
		terms = append(terms, term)
	}
	switch {
	case len(terms) == 1:
		return terms[0], true
	case len(terms) > 1:
		return "(" + strings.Join(terms, " || ") + ")", true
	}
	switch method, isMethod := strings.CutPrefix(name, "METH_"); {
	case name == "TRUE", name == "HTTP":
		return "true", true
	case name == "FALSE":
		return "false", true
	case name == "LOCALHOST":
		return "remote_ip('127.0.0.1/8', '::1')", true
	case method == "GET":
		return "method('GET', 'HEAD')", true
	case isMethod:
		return "method(" + literal(method) + ")", true
	}
	return "", false
}

// criterion returns the expression for a criterion, such as "hdr(host) -i a.test b.test".
func criterion(words []string) (text string, ok bool) {
	fetch, argument := words[0], ""
	if open := strings.IndexByte(fetch, '('); open >= 0 {
		end := strings.IndexByte(fetch, ')')
		if end < open {
			return "", false
		}
		argument, fetch = fetch[open+1:end], fetch[:open]+fetch[end+1:]
	}
	m := match{method: "str"}
	fetch, converters, _ := strings.Cut(fetch, ",")
	switch converters {
	case "":
	case "lower":
		m.fold = true
	case "field(1,:)", "host_only", "lower,field(1,:)", "field(1,:),lower":
		m.fold, m.host = true, true
	default:
		return "", false
	}
	base := strings.TrimPrefix(strings.TrimPrefix(fetch, "req."), "f")
	for _, method := range []string{"str", "beg", "dom", "end", "sub", "reg", "dir"} {
		if rest, found := strings.CutSuffix(base, "_"+method); found {
			base, m.method = rest, method
		}
	}
	if !m.read(words[1:]) {
		return "", false
	}
	return m.expression(base, argument)
}

// call returns the call of a CEL function with text arguments.
func call(function string, arguments []string) string { return function + "(" + list(arguments) + ")" }

func list(texts []string) string {
	var out []string
	for _, t := range texts {
		out = append(out, literal(t))
	}
	return strings.Join(out, ", ")
}

// literal returns a text in CEL. It escapes braces, which would start a placeholder.
func literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "{", `\x7b`, "}", `\x7d`, "\n", `\n`, "\r", `\r`, "`", `\x60`).Replace(text) + "'"
}
