// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// webSite is what a section of mode http does.
type webSite struct {
	redirects []redirect
	late      []redirect // the keyword redirect: they come after http-request
}

// redirect answers with another address.
type redirect struct {
	code     int
	location string // with Caddy's placeholders
	cond     *condition
}

// httpRule reads http-request and redirect. In mode tcp both are nothing.
func httpRule(t *translation, p *proxy, s statement) {
	switch {
	case p.isAnonymous():
		t.errorf(s.Pos, "'%s' is not allowed in anonymous 'defaults' sections: expected it in the section that it is for", s.keyword)
		return
	case p.kind == "defaults":
		t.errorf(s.Pos, "'%s' in %s is not available: expected it in the sections that it is for", s.keyword, p)
		return
	case p.mode != "http":
		t.warnf(s.Pos, "'%s' rules ignored for %s as they require HTTP mode", s.keyword, p)
		return
	}
	words, list := s.args, &p.http.late
	if s.keyword == "http-request" {
		if s.arg(0) == "use-service" && s.arg(1) == "prometheus-exporter" {
			metricsPage(p, s)
			return
		}
		if near := didYouMean(s.arg(0), httpActions); near != "" && !slices.Contains(httpActions, s.arg(0)) {
			t.errorf(s.Pos, "'http-request' expects an action in %s, but got '%s'%s", p, s.arg(0), near)
			return
		}
		if s.arg(0) != "redirect" {
			t.errorf(s.Pos, "'http-request %s' in %s: only redirects are translated: expected this section in a Caddyfile, for Caddy's http app", s.arg(0), p)
			return
		}
		words, list = words[1:], &p.http.redirects
	}
	r, rest, err := parseRedirect(words)
	if err == nil {
		r.cond, err = t.condition(p, s, rest)
	}
	if err != nil {
		t.errorf(s.Pos, "'%s' in %s: error detected while parsing redirect rule : %v", s.keyword, p, err)
		return
	}
	*list = append(*list, r)
}

// httpActions are those of http-request, http-response and http-after-response, to recognize one that is misspelt.
var httpActions = strings.Fields(`
	add-acl add-header add-headers-bin allow auth cache-store cache-use capture del-acl del-header del-headers-bin
	del-map deny disable-l7-retry do-log do-resolve early-hint normalize-uri ot-group pause redirect reject
	replace-header replace-path replace-pathq replace-uri replace-value return sc-add-gpc sc-inc-gpc sc-inc-gpc0
	sc-inc-gpc1 sc-set-gpt sc-set-gpt0 send-spoe-group set-bandwidth-limit set-bc-mark set-bc-tos set-dst
	set-dst-port set-fc-mark set-fc-tos set-header set-headers-bin set-log-level set-map set-mark set-method
	set-nice set-path set-pathq set-priority-class set-priority-offset set-query set-retries set-src set-src-port
	set-status set-timeout set-tos set-uri set-var set-var-fmt silent-drop strict-mode tarpit track-sc0 unset-var
	use-service wait-for-body wait-for-handshake
`)

// parseRedirect reads "scheme|location|prefix TO [code N] [drop-query]".
func parseRedirect(words []string) (r redirect, rest []string, err error) {
	r.code = http.StatusFound
	uri := "{http.request.uri}"
	var kind, to, code string
	for len(words) > 0 && !beginsCondition(words[0]) {
		switch word := words[0]; word {
		case "scheme", "location", "prefix", "code":
			if len(words) < 2 {
				return r, nil, fmt.Errorf("'%s' expects an argument", word)
			}
			if word == "code" {
				code = words[1]
				r.code, _ = strconv.Atoi(code)
			} else {
				kind, to = word, words[1]
			}
			words = words[2:]
		case "drop-query":
			uri, words = "{http.request.uri.path}", words[1:]
		default:
			return r, nil, fmt.Errorf("expects 'code', 'prefix', 'location', 'scheme', 'drop-query', 'if' or 'unless' (was '%s')", word)
		}
	}
	if kind == "" {
		return r, nil, errors.New("redirection type expected ('prefix', 'location', or 'scheme')")
	}
	if !slices.Contains([]int{301, 302, 303, 307, 308}, r.code) {
		return r, nil, fmt.Errorf("unsupported HTTP code '%s' (must be one of 301, 302, 303, 307 or 308)", code)
	}
	if to, err = location(to); err != nil {
		return r, nil, err
	}
	switch kind {
	case "scheme":
		r.location = to + "://{http.request.hostport}" + uri
	case "prefix":
		r.location = strings.TrimSuffix(to, "/") + uri
	default:
		r.location = to
	}
	return r, words, nil
}

// requestParts are expressions of HAProxy in Caddy's words.
var requestParts = map[string]string{
	"hdr(host)":       "{http.request.hostport}",
	"req.hdr(host)":   "{http.request.hostport}",
	"hdr(Host)":       "{http.request.hostport}",
	"req.hdr(Host)":   "{http.request.hostport}",
	"path":            "{http.request.uri.path}",
	"query":           "{http.request.uri.query}",
	"url":             "{http.request.uri}",
	"pathq":           "{http.request.uri}",
	"capture.req.uri": "{http.request.uri}",
}

// location turns a log-format into text with placeholders.
func location(format string) (string, error) {
	var b strings.Builder
	for format != "" {
		literal, rest, found := strings.Cut(format, "%[")
		b.WriteString(strings.NewReplacer("{", `\{`, "%%", "%").Replace(literal))
		if !found {
			break
		}
		expression, rest, closed := strings.Cut(rest, "]")
		part, known := requestParts[expression]
		if !closed || !known {
			return "", fmt.Errorf("'%%[%s]' is not translated: expected one of %%[hdr(host)], %%[path], %%[query] and %%[url]", expression)
		}
		b.WriteString(part)
		format = rest
	}
	return b.String(), nil
}

func httpEffect(t *translation, p *proxy, s statement) {
	if p.isHTTP() {
		t.errorf(s.Pos, "'%s' in %s: only redirects are translated: expected this section in a Caddyfile, for Caddy's http app", s.keyword, p)
	}
}

// fetchName is the name at the beginning of an expression.
func fetchName(expression string) string {
	return strings.TrimRight(expression[:len(expression)-len(strings.TrimLeft(expression, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"))], ".")
}

// isHTTPResponse tells whether a fetch is about an HTTP response, which has a value
// in mode http only.
func isHTTPResponse(expression string) bool {
	base, _, _ := strings.Cut(fetchName(expression), "_")
	return slices.Contains([]string{"status", "shdr", "scook", "res.hdr", "res.hdrs", "res.fhdr", "res.cook", "res.ver", "resp"}, base)
}

// httpCriterion reads a criterion of mode http. Its fetch becomes path, method,
// host, ssl_fc, src, or always_true.
func httpCriterion(words []string) (c sample.Criterion, err error) {
	name, argument, _ := strings.Cut(words[0], "(")
	base, method, _ := strings.Cut(strings.TrimPrefix(name, "req."), "_")
	switch {
	case name == "always_true", name == "always_false", name == "ssl_fc", name == "src":
		base, method = name, ""
	case base == "hdr" && strings.EqualFold(argument, "host)"):
		base = "host"
	case base != "path" && base != "method" || argument != "":
		return c, fmt.Errorf("'%s' is not translated: expected path, hdr(host), method, src or ssl_fc", words[0])
	}
	// The flags are read as those of any string.
	c, err = sample.ParseCriterion(append([]string{"str(x)"}, words[1:]...))
	if err != nil {
		return c, err
	}
	if c.Fetch = base; c.Method == "" {
		c.Method = method
	}
	_, known := httpPatterns[c.Method]
	switch {
	case len(c.Files) > 0:
		return c, fmt.Errorf("'%s' with -f is not translated: expected the patterns themselves", words[0])
	case !known:
		return c, fmt.Errorf("'%s' with the method '%s' is not translated: expected str, beg, end, sub, dir or reg", words[0], c.Method)
	}
	return c, nil
}

// httpPatterns are the matching methods as regular expressions.
var httpPatterns = map[string]string{
	"": `^(?:%s)$`, "str": `^(?:%s)$`, "beg": `^(?:%s)`, "end": `(?:%s)$`, "sub": `(?:%s)`, "reg": `%s`, "dir": `(?:^|/)(?:%s)(?:/|$)`,
}
