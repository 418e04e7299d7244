// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"slices"
	"strings"
)

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
