// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// sendStep reads a send rule.
func (t *translation) sendStep(kind string, args []string) (*checkStep, error) {
	args, comment, err := withoutComment(args)
	if err != nil || len(args) != 1 {
		return nil, errors.Join(errors.New("expects a string as argument, and nothing but 'comment' after it"), err)
	}
	made, text := &checkStep{Step: checks.Step{Comment: comment}}, args[0]
	if strings.HasSuffix(kind, "-lf") {
		format := text
		if text, err = t.parseCheckFormat(format); err != nil {
			return nil, err
		}
		if text == "" {
			made.SendFormat = format
			if kind == "send-binary-lf" {
				made.SendFormat, made.SendHexFormat = "", format
			}
			return made, nil
		}
	}
	switch {
	case strings.HasPrefix(kind, "send-binary"):
		made.SendHex = text
		return made, hexadecimal(text)
	case utf8.ValidString(text):
		made.Send = text
	default:
		made.SendHex = hex.EncodeToString([]byte(text))
	}
	return made, nil
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
	i := slices.Index(args[min(1, len(args)):], "comment") + 1
	if i < 1 || len(args) == 0 {
		return args, "", nil
	}
	if len(args) < i+2 {
		return nil, "", errors.New("'comment' expects a string")
	}
	return slices.Delete(slices.Clone(args), i, i+2), args[i+1], nil
}

// connectStep reads a connect rule. proto is the multiplexer that the script speaks.
func (t *translation) connectStep(args []string, proto string) (*checkStep, error) {
	made := &checkStep{Step: checks.Step{Connect: new(checks.ConnectStep)}, connectOptions: connectOptions{given: true}}
	for len(args) > 0 {
		name := args[0]
		if set := connectFlags[name]; set != nil {
			set(made)
			args = args[1:]
			continue
		}
		set := connectValues[name]
		if set == nil {
			return nil, fmt.Errorf("expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn', 'proto' or 'via-socks4', 'linger', 'default' but got '%s' as argument", name)
		}
		if len(args) < 2 {
			return nil, fmt.Errorf("'%s' expects an argument", name)
		}
		if err := set(&connectRule{t, made, proto}, args[1]); err != nil {
			return nil, err
		}
		args = args[2:]
	}
	return made, nil
}

// connectRule is a connect rule while it is read.
type connectRule struct {
	*translation
	*checkStep
	speaks string // the multiplexer of the script
}

// connectFlags are the options of a connect rule without a value.
var connectFlags = map[string]func(*checkStep){
	"ssl":        func(s *checkStep) { s.connectOptions.tls = true },
	"send-proxy": func(s *checkStep) { s.connectOptions.proxy = true },
	"default":    func(s *checkStep) { s.connectOptions.usual = true },
	"linger":     func(s *checkStep) { s.Connect.Linger = true },
	"via-socks4": func(*checkStep) {}, // for servers with 'socks4', which is refused
}

// connectValues are the options of a connect rule with a value.
var connectValues = map[string]func(*connectRule, string) error{
	"port":    func(r *connectRule, v string) error { return r.connectPort(r.Connect, v) },
	"addr":    func(r *connectRule, v string) error { return setHost(&r.Connect.Address, "addr", v) },
	"sni":     func(r *connectRule, v string) error { r.connectOptions.sni = v; return nil },
	"alpn":    func(r *connectRule, v string) error { r.connectOptions.alpn = v; return nil },
	"proto":   func(r *connectRule, v string) error { return muxProtocol(v, r.speaks) },
	"comment": func(r *connectRule, v string) error { r.Comment = v; return nil },
}

// connectPort reads the port of a connect step, which may be an expression.
func (t *translation) connectPort(c *checks.ConnectStep, text string) error {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > 1<<16-1 {
			return fmt.Errorf("expects a valid TCP port (from range 1 to 65535) or a sample expression, got %s", text)
		}
		c.Port, c.PortValue = n, ""
		return nil
	}
	if _, err := t.checkLoader.Expression(text); err != nil {
		return fmt.Errorf("error detected while parsing port expression : %w", unavailable(err))
	}
	c.Port, c.PortValue = 0, text
	return nil
}

// muxProtocols maps HAProxy's multiplexers to the kind of check that each is for.
var muxProtocols = map[string]string{"none": "none", "h1": "h1", "h2": "h1", "fcgi": "h1", "quic": "h1", "spop": "spop"}

// muxProtocol validates the name of a multiplexer for a health check that speaks another one.
func muxProtocol(name, speaks string) error {
	kind, known := muxProtocols[name]
	switch {
	case !known:
		return fmt.Errorf("'proto' : unknown MUX protocol '%s': expected '%s'", name, speaks)
	case kind != speaks:
		return fmt.Errorf("'proto' : invalid MUX protocol '%s' for this kind of check: expected '%s'", name, speaks)
	case name != speaks:
		return fmt.Errorf("'proto %s' is not available: checks over HTTP speak HTTP/1: expected 'proto h1', or none", name)
	}
	return nil
}
