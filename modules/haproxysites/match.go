// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// match is a matching method and the values to compare with.
type match struct {
	method string
	fold   bool
	host   bool // compare a host without its port
	values []string
}

// read reads the flags and the patterns.
func (m *match) read(words []string) bool {
	for len(words) > 0 {
		switch words[0] {
		case "-i":
			m.fold = true
		case "-n":
		case "-m":
			if len(words) < 2 {
				return false
			}
			m.method, words = words[1], words[1:]
		case "--":
			m.values = words[1:]
			return true
		default:
			if strings.HasPrefix(words[0], "-") {
				return false
			}
			m.values = words
			return true
		}
		words = words[1:]
	}
	return true
}

// expression returns the comparison for a fetch.
func (m *match) expression(fetch, argument string) (string, bool) {
	given := len(m.values) > 0
	exact := given && m.method == "str"
	switch fetch {
	case "always_true":
		return "true", true
	case "always_false":
		return "false", true
	case "ssl_fc":
		return "protocol('https')", !given
	case "src":
		return call("remote_ip", m.values), given && !slices.ContainsFunc(m.values, notAddress)
	case "method":
		return call("method", m.values), exact
	case "path":
		pattern, ok := m.pattern()
		return call("path_regexp", []string{pattern}), ok
	case "hdr":
		return m.header(argument)
	case "url_param", "urlp":
		return "query({" + literal(argument) + ": [" + list(m.values) + "]})", exact && argument != "" && !strings.Contains(argument, ",")
	case "ssl_fc_sni":
		return "{http.request.tls.server_name} in [" + list(m.values) + "]", exact
	case "dst_port":
		return "{http.request.local.port} in [" + list(m.values) + "]", given && !slices.ContainsFunc(m.values, notNumber)
	}
	return "", false
}

func notNumber(text string) bool {
	_, err := strconv.Atoi(text)
	return err != nil
}

func notAddress(text string) bool {
	return strings.Trim(text, "0123456789abcdefABCDEF.:/") != ""
}

func (m *match) header(name string) (string, bool) {
	switch {
	case name == "" || strings.ContainsAny(name, ", "):
		return "", false
	case m.method == "found":
		return "header({" + literal(name) + ": '*'})", true
	case strings.EqualFold(name, "host") && m.method == "str" && (m.fold || m.host) && len(m.values) > 0 && !slices.ContainsFunc(m.values, notName):
		return call("host", m.values), true
	}
	pattern, ok := m.pattern()
	return call("header_regexp", []string{name, pattern}), ok
}

// notName reports whether a host is not possible in a Caddyfile.
func notName(text string) bool {
	return strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789-.") != ""
}

// patterns holds the matching methods as regular expressions.
var patterns = map[string]string{
	"str": `^(?:X)$`, "beg": `^(?:X)`, "end": `(?:X)$`, "sub": `(?:X)`, "reg": `X`, "dir": `(?:^|/)(?:X)(?:/|$)`, "dom": `(?:^|[/?.:])(?:X)(?:$|[/?.:])`,
}

// pattern returns all values as one regular expression.
func (m *match) pattern() (string, bool) {
	form, ok := patterns[m.method]
	if !ok || len(m.values) == 0 {
		return "", false
	}
	var alternatives []string
	for _, v := range m.values {
		if m.method != "reg" {
			v = regexp.QuoteMeta(v)
		}
		alternatives = append(alternatives, v)
	}
	pattern := strings.Replace(form, "X", strings.Join(alternatives, "|"), 1)
	if m.fold {
		pattern = "(?i)" + pattern
	}
	_, err := regexp.Compile(pattern)
	return pattern, err == nil
}
