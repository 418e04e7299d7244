// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// proxy is a reverse_proxy directive while it is built.
type proxy struct {
	section *Section
	servers []*upstream

	balance          []string
	cookie           string
	retries          string
	httpCheck        bool
	method, uri      string
	headers          []string
	status, body     string
	connect, timeout string
	check            string // timeout check
	rest             []haproxyfile.Line
}

// read reads the lines of a backend.
func (p *proxy) read() {
	for _, l := range p.section.Lines {
		w := l.Words
		switch {
		case w[0] == "balance" && len(w) > 1:
			p.balance = w[1:]
		case w[0] == "cookie" && len(w) > 1:
			p.cookie = w[1]
		case w[0] == "retries" && len(w) == 2 && !notNumber(w[1]):
			p.retries = w[1]
		case w[0] == "timeout" && len(w) == 3:
			switch w[1] {
			case "connect":
				p.connect = w[2]
			case "server":
				p.timeout = w[2]
			case "check":
				p.check = w[2]
			}
		case w[0] == "option" && len(w) > 1 && w[1] == "httpchk":
			p.httpCheck = true
			p.readCheck(w[2:])
		case w[0] == "http-check":
			if !p.httpCheckRule(w[1:]) {
				p.rest = append(p.rest, l)
			}
		}
	}
}

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
	switch {
	case len(words) == 3 && words[0] == "expect" && words[1] == "status" && !notNumber(words[2]):
		p.status = words[2]
	case len(words) == 3 && words[0] == "expect" && words[1] == "string":
		p.body = regexp.QuoteMeta(words[2])
	case len(words) == 3 && words[0] == "expect" && words[1] == "rstring":
		p.body = words[2]
		_, err := regexp.Compile(p.body)
		return err == nil
	case len(words) > 1 && words[0] == "send":
		return p.send(words[1:])
	default:
		return false
	}
	return true
}

func (p *proxy) send(words []string) bool {
	for len(words) > 0 {
		switch {
		case words[0] == "meth" && len(words) > 1:
			p.method, words = words[1], words[2:]
		case words[0] == "uri" && len(words) > 1:
			p.uri, words = words[1], words[2:]
		case words[0] == "ver" && len(words) > 1:
			words = words[2:]
		case words[0] == "hdr" && len(words) > 2 && !strings.Contains(words[2], "%"):
			p.headers = append(p.headers, quote(words[1])+" "+quote(words[2]))
			words = words[3:]
		default:
			return false
		}
	}
	return true
}

// lines returns the lines in the block of reverse_proxy.
func (p *proxy) lines(s *site) (lines []string) {
	for _, l := range p.rest {
		s.comment(l, "")
	}
	lines = append(lines, p.policy(s)...)
	if p.retries != "" && p.retries != "0" {
		lines = append(lines, "lb_retries "+p.retries)
	}
	lines = append(lines, p.health()...)
	return append(lines, p.transport(s)...)
}

// policies maps the algorithms that have a counterpart in Caddy.
var policies = map[string]string{
	"roundrobin": "round_robin", "static-rr": "round_robin", "leastconn": "least_conn", "first": "first", "source": "client_ip_hash", "random": "random", "uri": "uri_hash",
}

// policy returns the lines of the balancing policy.
func (p *proxy) policy(s *site) []string {
	algorithm, argument := "roundrobin", ""
	if len(p.balance) > 0 {
		algorithm, argument, _ = strings.Cut(strings.TrimSuffix(p.balance[0], ")"), "(")
	}
	if argument == "" && len(p.balance) > 1 {
		argument = p.balance[1]
	}
	var weights []string
	weighted := false
	for _, u := range p.servers {
		w := cmp.Or(u.options["weight"], "1")
		if notNumber(w) {
			w = "1"
		}
		weighted = weighted || w != p.servers[0].options["weight"] && (w != "1" || p.servers[0].options["weight"] != "")
		weights = append(weights, w)
	}
	switch {
	case len(p.servers) < 2:
		return nil
	case p.servers[len(p.servers)-1].has("backup"):
		return []string{"lb_policy first # the second is the backup"}
	case p.cookie != "" && p.servers[0].has("cookie"):
		return []string{"lb_policy cookie " + quote(p.cookie)}
	case weighted && policies[algorithm] == "round_robin" && strings.Trim(strings.Join(weights, ""), "0") != "":
		return []string{"lb_policy weighted_round_robin " + strings.Join(weights, " ")}
	case policies[algorithm] != "":
		return []string{"lb_policy " + policies[algorithm]}
	case algorithm == "hdr" && argument != "":
		return []string{"lb_policy header " + quote(argument)}
	case algorithm == "url_param" && argument != "":
		return []string{"lb_policy query " + quote(argument)}
	}
	s.untranslated++
	return []string{"# NOT TRANSLATED: balance " + oneLine(strings.Join(p.balance, " "))}
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
	if len(p.headers) > 0 {
		lines = append(lines, "health_headers {")
		for _, h := range p.headers {
			lines = append(lines, "\t"+h)
		}
		lines = append(lines, "}")
	}
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

// transport returns the lines about connections to servers.
func (p *proxy) transport(s *site) (lines []string) {
	first := p.servers[0]
	if p.connect != "" {
		lines = append(lines, "\tdial_timeout "+milliseconds(p.connect, "3s"))
	}
	if p.timeout != "" {
		lines = append(lines, "\tresponse_header_timeout "+milliseconds(p.timeout, "1m"))
	}
	if proto := first.options["proto"]; proto == "h2" && !first.has("ssl") {
		lines = append(lines, "\tversions h2c 2")
	}
	if first.has("send-proxy") {
		lines = append(lines, "\tproxy_protocol v1")
	} else if first.has("send-proxy-v2") {
		lines = append(lines, "\tproxy_protocol v2")
	}
	if first.has("ssl") {
		lines = append(lines, "\ttls")
		switch ca := first.options["ca-file"]; {
		case first.options["verify"] == "none":
			lines = append(lines, "\ttls_insecure_skip_verify")
		case ca != "" && !strings.HasPrefix(ca, "@"):
			lines = append(lines, "\ttls_trust_pool file "+quote(within(s.config.CaBase, ca)))
		}
		if name, ok := strings.CutPrefix(first.options["sni"], "str("); ok {
			lines = append(lines, "\ttls_server_name "+quote(strings.TrimSuffix(name, ")")))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return slices.Concat([]string{"transport http {"}, lines, []string{"}"})
}

// milliseconds returns a time of HAProxy in Caddy's format.
func milliseconds(text, otherwise string) string {
	d, err := haproxyfile.ParseTime(text, time.Millisecond)
	if err != nil || d == 0 {
		return otherwise
	}
	return d.String()
}

func number(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}
