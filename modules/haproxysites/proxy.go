// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"cmp"
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
		switch name, values := l.Words[0], l.Words[1:]; {
		case name == "http-check":
			if !p.httpCheckRule(values) {
				p.rest = append(p.rest, l)
			}
		case len(values) > 0:
			p.readOption(name, values)
		}
	}
}

// readOption reads a line by its keyword. It ignores keywords that are read in other places.
func (p *proxy) readOption(name string, values []string) {
	switch name {
	case "balance":
		p.balance = values
	case "cookie":
		p.cookie = values[0]
	case "retries":
		if len(values) == 1 && !notNumber(values[0]) {
			p.retries = values[0]
		}
	case "timeout":
		p.readTimeout(values)
	case "option":
		if values[0] == "httpchk" {
			p.httpCheck = true
			p.readCheck(values[1:])
		}
	}
}

// readTimeout reads the arguments of "timeout".
func (p *proxy) readTimeout(values []string) {
	to := map[string]*string{"connect": &p.connect, "server": &p.timeout, "check": &p.check}[values[0]]
	if to != nil && len(values) == 2 {
		*to = values[1]
	}
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

// argumentPolicies maps the algorithms that need an argument, such as the name of a header.
var argumentPolicies = map[string]string{"hdr": "header", "url_param": "query"}

// policy returns the lines of the balancing policy.
func (p *proxy) policy(s *site) []string {
	if len(p.servers) < 2 {
		return nil
	}
	if line := p.policyLine(); line != "" {
		return []string{"lb_policy " + line}
	}
	s.untranslated++
	return []string{"# NOT TRANSLATED: balance " + oneLine(strings.Join(p.balance, " "))}
}

// policyLine returns the policy of several servers, or "" if Caddy has no such policy.
func (p *proxy) policyLine() string {
	algorithm, argument := p.algorithm()
	weights, weighted := p.weights()
	switch plain := policies[algorithm]; {
	case p.servers[len(p.servers)-1].has("backup"):
		return "first # the second is the backup"
	case p.cookie != "" && p.servers[0].has("cookie"):
		return "cookie " + quote(p.cookie)
	case weighted && plain == "round_robin":
		return "weighted_round_robin " + strings.Join(weights, " ")
	case plain != "":
		return plain
	case argumentPolicies[algorithm] != "" && argument != "":
		return argumentPolicies[algorithm] + " " + quote(argument)
	}
	return ""
}

// algorithm returns the algorithm of balance and its argument.
func (p *proxy) algorithm() (name, argument string) {
	if len(p.balance) == 0 {
		return "roundrobin", ""
	}
	name, argument, _ = strings.Cut(strings.TrimSuffix(p.balance[0], ")"), "(")
	if argument == "" && len(p.balance) > 1 {
		argument = p.balance[1]
	}
	return name, argument
}

// weights returns the servers' weights. differ is false also if all of them are 0, which Caddy does
// not accept.
func (p *proxy) weights() (list []string, differ bool) {
	first := cmp.Or(p.servers[0].options["weight"], "1")
	for _, u := range p.servers {
		w := cmp.Or(u.options["weight"], "1")
		if notNumber(w) {
			w = "1"
		}
		differ = differ || w != first
		list = append(list, w)
	}
	return list, differ && strings.Trim(strings.Join(list, ""), "0") != ""
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
	lines = append(lines, first.transportTLS(s)...)
	if len(lines) == 0 {
		return nil
	}
	return slices.Concat([]string{"transport http {"}, lines, []string{"}"})
}

// transportTLS returns the lines about TLS to a server.
func (u *upstream) transportTLS(s *site) (lines []string) {
	if !u.has("ssl") {
		return nil
	}
	lines = append(lines, "\ttls")
	switch ca := u.options["ca-file"]; {
	case u.options["verify"] == "none":
		lines = append(lines, "\ttls_insecure_skip_verify")
	case ca != "" && !strings.HasPrefix(ca, "@"):
		lines = append(lines, "\ttls_trust_pool file "+quote(within(s.config.CaBase, ca)))
	}
	if name, ok := strings.CutPrefix(u.options["sni"], "str("); ok {
		lines = append(lines, "\ttls_server_name "+quote(strings.TrimSuffix(name, ")")))
	}
	return lines
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
