// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// httpCheck is what option httpchk and http-check say.
type httpCheck struct {
	checks.HTTP
	connect checkStep
	sends   int
}

// httpchk reads "option httpchk [METHOD] [URI] [VERSION]".
func httpchk(_ *translation, p *proxy, s statement) {
	c := &p.check.http
	p.check.module, c.Method = "http", "OPTIONS"
	switch len(s.args) {
	case 0:
	case 1:
		c.Path = s.args[0]
	default:
		c.Method, c.Path = s.args[0], s.args[1]
	}
	if s.not {
		p.check.module = ""
	}
	// Old files hide the Host header behind the version.
	if version := strings.Join(s.args[min(2, len(s.args)):], " "); strings.Contains(version, "\n") {
		for line := range strings.Lines(version) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			c.header(name, strings.TrimSpace(value))
		}
	}
}

func (c *httpCheck) header(name, value string) {
	switch {
	case strings.HasPrefix(name, "HTTP/") || name == "" || strings.EqualFold(name, "connection"):
	case strings.EqualFold(name, "host"):
		c.Host = value
	default:
		headers := maps.Clone(c.Headers) // the defaults' map is not ours
		if headers == nil {
			headers = make(map[string]string)
		}
		headers[name] = value
		c.Headers = headers
	}
}

// httpCheckRule reads http-check.
func httpCheckRule(t *translation, p *proxy, s statement) {
	if err := t.httpRule(&p.check.http, s); err != nil {
		t.errorf(s.Pos, "'http-check %s' : %v in %s", s.args[0], err, p)
	}
}

func (t *translation) httpRule(c *httpCheck, s statement) error {
	switch kind, args := s.args[0], s.args[1:]; kind {
	case "comment":
		return nil
	case "send-state":
		t.notice(s.Pos, harmless, "no state is sent to servers", "send-state")
		return nil
	case "disable-on-404":
		t.notice(s.Pos, differs, "404 is a failed check: the server goes down, and its sessions go on", "disable-on-404")
		return nil
	case "connect":
		made, err := connectStep(args)
		if err != nil {
			return err
		}
		if c.connect.via.given || c.sends > 0 {
			return errors.New("a second connect is not available: " + oneExchange)
		}
		c.connect = *made
		return nil
	case "send":
		if c.sends++; c.sends > 1 {
			return errors.New("a second request is not available: " + oneExchange)
		}
		return c.send(args)
	case "expect":
		return t.httpExpect(c, s)
	default:
		if setsVariable(kind) {
			return errVariables
		}
		return fmt.Errorf("only supports 'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect' but got '%s'", kind)
	}
}

// httpExpect reads what an answer must be like. What is expected of the body alone
// lets any status pass.
func (t *translation) httpExpect(c *httpCheck, s statement) error {
	for _, header := range []string{"hdr", "fhdr"} {
		if slices.Contains(s.args[1:], header) {
			return fmt.Errorf("'%s' is not available: expected 'status', 'rstatus', 'string' or 'rstring'", header)
		}
	}
	e, err := t.parseExpect(s, s.args[1:], []string{"status", "rstatus", "string", "rstring", "string-lf"})
	if err != nil {
		return err
	}
	if e.kind == "status" && strings.Trim(e.pattern, "0123456789,-") != "" {
		return fmt.Errorf("invalid character in the list of status codes '%s'", e.pattern)
	}
	var field *string
	switch kind := e.kind; {
	case kind == "status" && e.not && c.StatusNot == nil:
		c.StatusNot = []string{e.pattern}
		return nil
	case kind == "status" && !e.not && c.Status == nil:
		c.Status = []string{e.pattern}
		return nil
	case kind == "rstatus" && !e.not:
		field = &c.StatusMatches
	case strings.HasPrefix(kind, "string"):
		field = &c.BodyContains
		if e.not {
			field = &c.BodyNotContains
		}
	case kind == "rstring":
		field = &c.BodyMatches
		if e.not {
			field = &c.BodyNotMatches
		}
	}
	if field == nil || *field != "" {
		return fmt.Errorf("'%s' is not available here, or a second time", strings.TrimSpace(strings.Join(s.args[1:], " ")))
	}
	*field = e.pattern
	return nil
}

// anyStatus are the codes that there are.
const anyStatus = "100-999"

// checker is the checker that it all comes to.
func (c *httpCheck) checker() checks.HTTP {
	h := c.HTTP
	if h.Status == nil && h.StatusNot == nil && h.StatusMatches == "" && h.BodyContains+h.BodyMatches+h.BodyNotContains+h.BodyNotMatches != "" {
		h.Status = []string{anyStatus}
	}
	return h
}

// send reads "meth M uri U ver V hdr NAME VALUE body B".
func (c *httpCheck) send(args []string) error {
	for len(args) > 0 {
		values := 1
		if args[0] == "hdr" {
			values = 2
		}
		if len(args) <= values {
			return fmt.Errorf("'%s' expects an argument", args[0])
		}
		if err := plain(args[0], args[1]); err != nil {
			return err
		}
		switch value := args[1]; args[0] {
		case "meth":
			c.Method = value
		case "uri", "uri-lf":
			c.Path = value
		case "ver":
		case "hdr":
			if err := plain("hdr-lf", args[2]); err != nil {
				return err
			}
			c.header(value, args[2])
		case "body", "body-lf":
			c.Body = value
		case "comment":
		default:
			return fmt.Errorf("expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '%s' as argument", args[0])
		}
		args = args[1+values:]
	}
	return nil
}
