// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// readCheck reads the arguments of "option httpchk".
func (p *proxy) readCheck(words []string) {
	p.method, p.uri = "OPTIONS", "/"
	switch len(words) {
	case 0:
	case 1:
		p.uri = words[0]
	default:
		p.method, p.uri = words[0], words[1]
	}
}

// httpCheckRule reads the arguments of "http-check".
func (p *proxy) httpCheckRule(words []string) bool {
	if len(words) > 1 && words[0] == "send" {
		return p.send(words[1:])
	}
	if len(words) != 3 || words[0] != "expect" {
		return false
	}
	switch pattern := words[2]; words[1] {
	case "status":
		if notNumber(pattern) {
			return false
		}
		p.status = pattern
	case "string":
		p.body = regexp.QuoteMeta(pattern)
	case "rstring":
		p.body = pattern
		_, err := regexp.Compile(pattern)
		return err == nil
	default:
		return false
	}
	return true
}

func (p *proxy) send(words []string) bool {
	for len(words) > 0 {
		if len(words) < 2 {
			return false
		}
		read := 2
		switch words[0] {
		case "meth":
			p.method = words[1]
		case "uri":
			p.uri = words[1]
		case "ver":
		case "hdr":
			if len(words) < 3 || strings.Contains(words[2], "%") {
				return false
			}
			p.headers = append(p.headers, quote(words[1])+" "+quote(words[2]))
			read = 3
		default:
			return false
		}
		words = words[read:]
	}
	return true
}

// health returns the lines of the health checks over HTTP. A server with a plain connect check is
// found down by its requests.
func (p *proxy) health() (lines []string) {
	first := p.servers[0]
	if !slices.ContainsFunc(p.servers, func(u *upstream) bool { return u.has("check") }) {
		return nil // as in HAProxy, which never finds out then
	}
	interval, fall, rise := milliseconds(first.options["inter"], "2s"), number(first.options["fall"], 3), number(first.options["rise"], 2)
	if !p.httpCheck {
		return []string{"# HAProxy checks by connecting; Caddy leaves a server out for a time when it has failed a request", "fail_duration " + interval}
	}
	lines = append(lines, "health_uri "+quote(p.uri))
	if p.method != "GET" {
		lines = append(lines, "health_method "+quote(p.method))
	}
	if port := first.options["port"]; port != "" && !notNumber(port) {
		lines = append(lines, "health_port "+port)
	}
	lines = append(lines, p.healthHeaders()...)
	lines = append(lines, "health_interval "+interval, fmt.Sprintf("health_fails %d", fall), fmt.Sprintf("health_passes %d", rise))
	if p.check != "" {
		lines = append(lines, "health_timeout "+milliseconds(p.check, "5s"))
	}
	if p.status != "" {
		lines = append(lines, "health_status "+p.status)
	}
	if p.body != "" {
		lines = append(lines, "health_body "+quoted(p.body))
	}
	return lines
}

// healthHeaders returns the block of the headers of the checks' requests.
func (p *proxy) healthHeaders() []string {
	if len(p.headers) == 0 {
		return nil
	}
	lines := []string{"health_headers {"}
	for _, h := range p.headers {
		lines = append(lines, "\t"+h)
	}
	return append(lines, "}")
}
