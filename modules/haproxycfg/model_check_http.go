// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// httpchk reads "option httpchk [METHOD] [URI] [VERSION] [HOST]". It replaces the rules of the
// defaults.
func httpchk(t *translation, p *proxy, s statement) {
	h := &p.check
	q, err := t.optionRequest(s)
	if err == nil {
		h.module, h.rules = httpScript, t.ownHTTPRules(h, s.Pos)
		err = h.rules.addHTTP(&checkStep{Step: checks.Step{Request: q}, fromHTTPChk: true})
	}
	if err != nil {
		t.errorf(s.Pos, "'%s' : %v in %s", s.keyword, err, p)
	}
}

func (t *translation) optionRequest(s statement) (*checks.Request, error) {
	q := new(checks.Request)
	switch len(s.args) {
	case 0:
	case 1:
		q.URI = s.args[0]
	default:
		q.Method, q.URI = s.args[0], s.args[1]
	}
	version, hidden, _ := strings.Cut(s.arg(2), "\r\n")
	q.Version = requestVersion(version)
	head, body, _ := strings.Cut(hidden, "\r\n\r\n")
	if strings.HasPrefix(hidden, "\r\n") {
		head, body = "", hidden[2:]
	}
	if hidden != "" {
		t.warnf(s.Pos, "'%s' : hiding headers or body at the end of the version string is deprecated, and an error as of HAProxy 2.9: expected 'http-check send'", s.keyword)
	}
	q.Body = body
	for line := range strings.SplitSeq(strings.TrimSuffix(head, "\r\n"), "\r\n") {
		if line == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			return nil, fmt.Errorf("unable to parse the header '%s'", line)
		}
		if err := t.addHeader(q, name, strings.TrimSpace(value)); err != nil {
			return nil, err
		}
	}
	if host := s.arg(3); host != "" {
		return q, t.addHeader(q, "Host", host)
	}
	return q, nil
}

// requestVersion returns the version to send in place of a configured one. HAProxy speaks HTTP/1.
func requestVersion(version string) string {
	if strings.HasPrefix(version, "HTTP/2") {
		return "HTTP/1.1"
	}
	return version
}

func (t *translation) addHeader(q *checks.Request, name, value string) error {
	switch {
	case strings.EqualFold(name, "content-length") || strings.EqualFold(name, "transfer-encoding"):
		return nil // the check sets it, as HAProxy's does
	case strings.EqualFold(name, "host") && slices.ContainsFunc(q.Headers, func(h checks.Header) bool { return strings.EqualFold(h.Name, "host") }):
		return fmt.Errorf("'%s' header already defined", name)
	}
	q.Headers = append(q.Headers, checks.Header{Name: name, Value: value})
	_, err := t.parseCheckFormat(value)
	return err
}

// httpCheckRule reads an http-check rule.
func httpCheckRule(t *translation, p *proxy, s statement) {
	if err := t.httpRule(&p.check, s); err != nil {
		t.errorf(s.Pos, "'http-check %s' : %v in %s", s.args[0], err, p)
	}
}

func (t *translation) httpRule(h *healthCheck, s statement) error {
	switch kind, args := s.args[0], s.args[1:]; kind {
	case "send-state":
		h.sendState = true
		return noArgs(args)
	case "disable-on-404":
		h.drainOn404 = true
		return noArgs(args)
	}
	rules := t.ownHTTPRules(h, s.Pos)
	made, err := t.httpStep(s)
	if err == nil && made.Connect != nil {
		err = rules.validateConnect()
	}
	if err != nil {
		return err
	}
	if h.module != httpScript { // as in HAProxy, rules that are not in effect are not validated
		rules.steps = append(rules.steps, *made)
		return nil
	}
	h.rules = rules
	return rules.addHTTP(made)
}

func (t *translation) httpStep(s statement) (*checkStep, error) {
	switch kind, args := s.args[0], s.args[1:]; kind {
	case "connect":
		return t.connectStep(args, "h1")
	case "send":
		return t.requestStep(args)
	case "expect":
		return t.expectStep(s, httpExpects)
	default:
		made, err := t.localStep(kind, args)
		if made == nil && err == nil {
			err = fmt.Errorf("only supports 'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect', 'set-var', 'set-var-fmt' and 'unset-var' but got '%s'", kind)
		}
		return made, err
	}
}

// requestStep reads "meth M uri U ver V hdr NAME VALUE body B".
func (t *translation) requestStep(args []string) (*checkStep, error) {
	q := new(checks.Request)
	made := &checkStep{Step: checks.Step{Request: q}}
	for len(args) > 0 {
		values := 1
		if args[0] == "hdr" {
			values = 2
		}
		if len(args) <= values {
			return nil, fmt.Errorf("'%s' expects an argument", args[0])
		}
		if args[0] == "comment" {
			made.Comment = args[1]
		} else if err := t.requestWord(q, args[:1+values]); err != nil {
			return nil, err
		}
		args = args[1+values:]
	}
	return made, nil
}

// requestWord sets a part of a request: a word and its values.
func (t *translation) requestWord(q *checks.Request, words []string) (err error) {
	switch value := words[1]; words[0] {
	case "meth":
		q.Method = value
	case "uri":
		q.URI, q.URIFormat = value, ""
	case "uri-lf":
		q.URI, q.URIFormat = "", value
		_, err = t.parseCheckFormat(value)
	case "ver":
		q.Version = requestVersion(value)
	case "hdr":
		err = t.addHeader(q, value, words[2])
	case "body":
		q.Body, q.BodyFormat = value, ""
	case "body-lf":
		q.Body, q.BodyFormat = "", value
		_, err = t.parseCheckFormat(value)
	default:
		err = fmt.Errorf("expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '%s' as argument", words[0])
	}
	return err
}
