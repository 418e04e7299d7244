// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// healthCheck is how the servers of a backend are checked.
type healthCheck struct {
	at     haproxyfile.Pos // of its option
	module string          // of the checkers; empty: a connect, or a TLS handshake
	log    bool
	steps  []checkStep
	http   httpCheck
	words  protocolWords
}

// checkStep is one of a tcp-check script.
type checkStep struct {
	checks.Step
	via via // of a connect
}

// via is what a connect of a script says beside where to.
type via struct {
	given     bool
	usual     bool // "default": what the server's line says of TLS and the PROXY header
	tls       bool
	proxy     bool
	sni, alpn string
}

const (
	oneExchange  = "one connect, one request and its answer are available"
	modernHello  = "the hello is one of TLS 1.3 and 1.2, not of SSLv3; a server hello or an alert passes, as in HAProxy"
	http11       = "the request is one of HTTP/1.1"
	statusOfInfo = "the code and the words in the log are our own"
)

var checking = []keyword{
	{name: "option ssl-hello-chk", in: inBackends, grade: differs, args: nothing, do: checker("ssl_hello"), note: modernHello},
	{name: "option tcp-check", in: inBackends, grade: supported, args: nothing, do: checker("tcp_script")},
	{name: "option httpchk", in: inBackends, grade: differs, args: atMost(4), do: httpchk, note: http11},
	{name: "tcp-check", in: inBackends, grade: supported, args: something, do: tcpCheck},
	{name: "http-check", in: inBackends, grade: supported, args: something, do: httpCheckRule},
	{name: "option redis-check", in: inBackends, grade: supported, args: nothing, do: protocol("redis")},
	{name: "option smtpchk", in: inBackends, grade: supported, args: atMost(2), do: smtpchk},
	{name: "option mysql-check", in: inBackends, grade: supported, args: mysqlArgs, do: mysqlCheck},
	{name: "option pgsql-check", in: inBackends, grade: supported, args: pgsqlArgs, do: pgsqlCheck},
	{name: "option ldap-check", in: inBackends, grade: supported, args: nothing, do: protocol("ldap")},
	{name: "option spop-check", in: inBackends, grade: supported, args: nothing, do: protocol("spop")},
	{name: "option log-health-checks", in: inBackends, grade: supported, args: nothing, do: func(_ *translation, p *proxy, s statement) { p.check.log = !s.not }},
	{name: "option external-check", in: inBackends, grade: refused, note: noExternal},
}

func checker(module string) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) {
		p.check.module = module
		if s.not {
			p.check.module = ""
		}
	}
}

// tcpCheck reads the steps of a script.
func tcpCheck(t *translation, p *proxy, s statement) {
	made, err := t.tcpStep(s)
	if err != nil {
		t.errorf(s.Pos, "'tcp-check %s' : %v in %s", s.args[0], err, p)
		return
	}
	if made != nil {
		p.check.steps = append(p.check.steps, *made)
	}
}

func (t *translation) tcpStep(s statement) (*checkStep, error) {
	switch kind, args := s.args[0], s.args[1:]; kind {
	case "comment":
		return nil, word(args)
	case "connect":
		return connectStep(args)
	case "send", "send-lf":
		args, comment, err := withoutComment(args)
		if err != nil || len(args) != 1 {
			return nil, errors.Join(errors.New("expects a string as argument, and nothing but 'comment' after it"), err)
		}
		made := &checkStep{Step: checks.Step{Send: args[0], Comment: comment}}
		if !utf8.ValidString(args[0]) {
			made.Send, made.SendHex = "", hex.EncodeToString([]byte(args[0]))
		}
		return made, plain(kind, args[0])
	case "send-binary", "send-binary-lf":
		args, comment, err := withoutComment(args)
		if err != nil || len(args) != 1 {
			return nil, errors.Join(errors.New("expects a hexadecimal string as argument, and nothing but 'comment' after it"), err)
		}
		if err := errors.Join(plain(kind, args[0]), hexadecimal(args[0])); err != nil {
			return nil, err
		}
		return &checkStep{Step: checks.Step{SendHex: args[0], Comment: comment}}, nil
	case "expect":
		return t.expectStep(s, args)
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

// plain refuses formats: there is nothing here that they could show.
func plain(kind, text string) error {
	if strings.HasSuffix(kind, "-lf") && strings.Contains(text, "%") {
		return fmt.Errorf("'%s' : log formats in checks are not available: expected a text without '%%'", kind)
	}
	return nil
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

func withoutComment(args []string) (rest []string, comment string, err error) {
	i := slices.Index(args, "comment")
	if i < 0 {
		return args, "", nil
	}
	if len(args) < i+2 {
		return nil, "", errors.New("'comment' expects a string")
	}
	return slices.Delete(slices.Clone(args), i, i+2), args[i+1], nil
}

// connectStep reads where a script connects to, and how.
func connectStep(args []string) (*checkStep, error) {
	made := &checkStep{Step: checks.Step{Connect: new(checks.ConnectStep)}, via: via{given: true}}
	for len(args) > 0 {
		name := args[0]
		if slices.Contains([]string{"port", "addr", "sni", "alpn", "comment"}, name) {
			if len(args) < 2 {
				return nil, fmt.Errorf("'%s' expects an argument", name)
			}
			if err := made.set(name, args[1]); err != nil {
				return nil, err
			}
			args = args[2:]
			continue
		}
		switch name {
		case "ssl":
			made.via.tls = true
		case "send-proxy":
			made.via.proxy = true
		case "default":
			made.via.usual = true
		case "linger":
		default:
			return nil, fmt.Errorf("expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn', 'linger' or 'default' but got '%s' as argument", name)
		}
		args = args[1:]
	}
	return made, nil
}

func (s *checkStep) set(name, value string) error {
	switch name {
	case "port":
		if setPort(&s.Connect.Port, "port", value) != nil {
			return errors.New("'port' expects a valid TCP port (from range 1 to 65535)")
		}
	case "addr":
		return setHost(&s.Connect.Address, "addr", value)
	case "sni":
		s.via.sni = value
	case "alpn":
		s.via.alpn = value
	case "comment":
		s.Comment = value
	}
	return nil
}

// expectStep reads "[min-recv N] [!] KIND PATTERN".
func (t *translation) expectStep(s statement, args []string) (*checkStep, error) {
	e, err := t.parseExpect(s, args, []string{"string", "rstring", "binary", "rbinary", "string-lf", "binary-lf"})
	if err != nil {
		return nil, err
	}
	expect := &checks.Expect{Not: e.not, MinRecv: e.least}
	switch e.kind {
	case "string", "string-lf":
		if utf8.ValidString(e.pattern) {
			expect.Text = e.pattern
		} else {
			expect.Hex = hex.EncodeToString([]byte(e.pattern))
		}
	case "rstring":
		expect.Regexp = e.pattern
	case "binary", "binary-lf":
		expect.Hex = e.pattern
		err = hexadecimal(e.pattern)
	case "rbinary":
		expect.HexRegexp = e.pattern
	}
	return &checkStep{Step: checks.Step{Expect: expect, Comment: e.comment}}, err
}
