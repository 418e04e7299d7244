// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// healthCheck is how the servers of a backend are checked, in the words of the
// checkers (passthrough.checks.*).
type healthCheck struct {
	module string // empty: a connect, or a TLS handshake
	ssl    bool   // a step of a script is one
	steps  []step
	http   httpCheck
}

// step is one of a tcp-check script: what it does and with what.
type step map[string]any

// httpCheck is what option httpchk and http-check say.
type httpCheck struct {
	Method  string            `json:"method,omitempty"`
	Path    string            `json:"path,omitempty"`
	Host    string            `json:"host,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Expect  map[string]string `json:"expect,omitempty"`
}

var checking = []keyword{
	{name: "option ssl-hello-chk", in: inBackends, grade: pending, args: nothing, do: checker("ssl_hello"), note: checksPending},
	{name: "option tcp-check", in: inBackends, grade: pending, args: nothing, do: checker("tcp_script"), note: checksPending},
	{name: "option httpchk", in: inBackends, grade: pending, args: atMost(4), do: httpchk, note: checksPending},
	{name: "tcp-check", in: inBackends, grade: pending, args: something, do: tcpCheck, note: checksPending},
	{name: "http-check", in: inBackends, grade: pending, args: something, do: httpCheckRule, note: checksPending},
	{name: "option smtpchk|option mysql-check|option redis-check|option ldap-check|option spop-check", in: inBackends, grade: pending, do: checker("tcp"), note: checksPending + ", and this one becomes a mere connect"},
	{name: "option pgsql-check", in: inBackends, grade: pending, args: pgsqlCheck, do: checker("tcp"), note: checksPending + ", and this one becomes a mere connect"},
	{name: "option external-check", in: inBackends, grade: refused, note: "external checks are not available"},
}

func checker(module string) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) {
		p.check.module = module
		if s.not {
			p.check.module = ""
		}
	}
}

func pgsqlCheck(args []string) error {
	if len(args) < 2 || args[0] != "user" {
		return errors.New("expects 'user <username>' as argument")
	}
	return nil
}

// httpchk reads "option httpchk [METHOD] [URI] [VERSION]".
func httpchk(_ *translation, p *proxy, s statement) {
	p.check.module = "http"
	switch len(s.args) {
	case 0:
	case 1:
		p.check.http.Path = s.args[0]
	default:
		p.check.http.Method, p.check.http.Path = s.args[0], s.args[1]
	}
	if s.not {
		p.check = healthCheck{}
	}
	// Old files hide the Host header behind the version.
	if version := strings.Join(s.args[min(2, len(s.args)):], " "); strings.Contains(version, "\n") {
		for line := range strings.Lines(version) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			p.check.http.header(name, strings.TrimSpace(value))
		}
	}
}

func (c *httpCheck) header(name, value string) {
	switch {
	case strings.HasPrefix(name, "HTTP/") || name == "":
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

// tcpCheck reads the steps of a script.
func tcpCheck(t *translation, p *proxy, s statement) {
	made, err := tcpStep(s.args)
	if err != nil {
		t.errorf(s.Pos, "'tcp-check %s' : %v in %s", s.args[0], err, p)
		return
	}
	if made != nil {
		p.check.steps = append(p.check.steps, made)
		p.check.ssl = p.check.ssl || made["tls"] != nil
	}
}

func tcpStep(args []string) (step, error) {
	switch kind, args := args[0], args[1:]; kind {
	case "comment":
		return nil, word(args)
	case "connect":
		return connectStep(args)
	case "send", "send-lf":
		args, err := withoutComment(args)
		if err != nil || len(args) != 1 {
			return nil, errors.Join(errors.New("expects a string as argument, and nothing but 'comment' after it"), err)
		}
		return step{"send": args[0]}, nil
	case "send-binary", "send-binary-lf":
		args, err := withoutComment(args)
		if err != nil || len(args) != 1 {
			return nil, errors.Join(errors.New("expects a hexadecimal string as argument, and nothing but 'comment' after it"), err)
		}
		if err := hexadecimal(args[0]); err != nil {
			return nil, err
		}
		return step{"send_hex": args[0]}, nil
	case "expect":
		return expectStep(args, []string{"string", "rstring", "binary", "rbinary", "string-lf", "binary-lf"})
	default:
		if setsVariable(kind) {
			return nil, errVariables
		}
		return nil, fmt.Errorf("only supports 'comment', 'connect', 'send', 'send-binary', 'expect' but got '%s'", kind)
	}
}

var errVariables = errors.New("variables of checks are not available")

// setsVariable recognizes "set-var(NAME)" and its kin.
func setsVariable(word string) bool {
	name, _, _ := strings.Cut(word, "(")
	return slices.Contains([]string{"set-var", "set-var-fmt", "unset-var"}, name)
}

func hexadecimal(text string) error {
	if i := strings.IndexFunc(text, func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", c) }); i >= 0 {
		return fmt.Errorf("'%s' invalid binary string (an hex digit is expected (found '%c'))", text, []rune(text[i:])[0])
	}
	if len(text)%2 != 0 {
		return fmt.Errorf("'%s' invalid binary string (an even number of hex digit is expected)", text)
	}
	return nil
}

func withoutComment(args []string) ([]string, error) {
	i := slices.Index(args, "comment")
	if i < 0 {
		return args, nil
	}
	if len(args) < i+2 {
		return nil, errors.New("'comment' expects a string")
	}
	return slices.Delete(slices.Clone(args), i, i+2), nil
}

func connectStep(args []string) (step, error) {
	connect, tls := map[string]any{}, map[string]any{}
	for len(args) > 0 {
		name := args[0]
		if slices.Contains([]string{"port", "addr", "sni", "alpn", "comment"}, name) {
			if len(args) < 2 {
				return nil, fmt.Errorf("'%s' expects an argument", name)
			}
			value := args[1]
			switch name {
			case "port":
				var port int
				if err := setPort(&port, "port", value); err != nil {
					return nil, errors.New("'port' expects a valid TCP port (from range 1 to 65535)")
				}
				connect["port"] = port
			case "addr":
				connect["address"] = value
			case "sni":
				tls["server_name"] = value
			case "alpn":
				tls["alpn"] = strings.Split(value, ",")
			}
			args = args[2:]
			continue
		}
		switch name {
		case "ssl":
			tls["on"] = true
		case "send-proxy":
			connect["send_proxy"] = true
		case "default", "linger":
		default:
			return nil, fmt.Errorf("expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn', 'linger' or 'default' but got '%s' as argument", name)
		}
		args = args[1:]
	}
	s := step{"connect": connect}
	if tls["on"] != nil {
		delete(tls, "on")
		s["tls"] = tls
	}
	return s, nil
}

// expectStep reads "[min-recv N] [!] KIND PATTERN".
func expectStep(args, kinds []string) (step, error) {
	expect := step{}
	for len(args) > 0 {
		name := args[0]
		if name == "!" {
			if args = args[1:]; len(args) == 0 {
				break
			}
			name = "!" + args[0]
		}
		name, not := strings.CutPrefix(name, "!")
		switch {
		case slices.Contains(kinds, name):
			if len(args) < 2 {
				return nil, fmt.Errorf("'%s' expects a <pattern> as argument", name)
			}
			if name == "rstring" || name == "rbinary" || name == "rstatus" {
				if _, err := regexp.Compile(args[1]); err != nil {
					return nil, fmt.Errorf("regex '%s' is invalid: %w", args[1], err)
				}
			}
			expect["expect"] = map[string]any{name: args[1]}
			if not {
				expect["not"] = true
			}
		case slices.Contains([]string{"min-recv", "comment", "ok-status", "error-status", "tout-status", "on-success", "on-error", "status-code"}, name) && !not:
			if len(args) < 2 {
				return nil, fmt.Errorf("'%s' expects an argument", name)
			}
			if name == "min-recv" {
				expect["min_recv"] = integer(args[1])
			}
		default:
			return nil, fmt.Errorf("only supports min-recv, '[!]%s' or comment but got '%s' as argument", strings.Join(kinds, "', '[!]"), name)
		}
		args = args[2:]
	}
	if expect["expect"] == nil {
		return nil, errors.New("expects at least a matching pattern as arguments")
	}
	return step{"expect": expect}, nil
}

// httpCheckRule reads http-check.
func httpCheckRule(t *translation, p *proxy, s statement) {
	if err := p.check.httpRule(s.args); err != nil {
		t.errorf(s.Pos, "'http-check %s' : %v in %s", s.args[0], err, p)
	}
}

func (c *healthCheck) httpRule(args []string) error {
	switch kind, args := args[0], args[1:]; kind {
	case "comment", "disable-on-404", "send-state":
		return nil
	case "connect":
		made, err := connectStep(args)
		c.ssl = c.ssl || made["tls"] != nil
		return err
	case "send":
		return c.http.send(args)
	case "expect":
		made, err := expectStep(args, []string{"status", "rstatus", "string", "rstring", "string-lf", "hdr", "fhdr"})
		if err != nil {
			return err
		}
		expect := made["expect"].(step)
		pattern := expect["expect"].(map[string]any)
		if codes, ok := pattern["status"].(string); ok && strings.Trim(codes, "0123456789,-") != "" {
			return fmt.Errorf("invalid character in the list of status codes '%s'", codes)
		}
		c.http.Expect = make(map[string]string)
		for name, value := range pattern {
			if expect["not"] != nil {
				name = "not_" + name
			}
			c.http.Expect[name] = value.(string)
		}
		return nil
	default:
		if setsVariable(kind) {
			return errVariables
		}
		return fmt.Errorf("only supports 'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect' but got '%s'", kind)
	}
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
		switch value := args[1]; args[0] {
		case "meth":
			c.Method = value
		case "uri", "uri-lf":
			c.Path = value
		case "ver":
		case "hdr":
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
