// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Step is one action of a script. It has exactly one of the fields below, and optionally a comment.
// A step with nothing but a comment does nothing: its comment applies to the steps of one kind that
// follow it and have no comment of their own.
//
// In formats, %[expression] is replaced by a value and %% by a percent sign. Expressions and
// variables are HAProxy's, as far as they make sense in a check: docs/checks.md lists them.
type Step struct {
	// Connect closes the connection, if one is open, and opens another.
	Connect *ConnectStep `json:"connect,omitempty"`

	// Send is text to send. Like the next three fields, it is for tcp_script only.
	Send string `json:"send,omitempty"`

	// SendHex is data to send, in hexadecimal digits.
	SendHex string `json:"send_hex,omitempty"`

	// SendFormat is a format of text to send. If the result is empty, nothing is sent.
	SendFormat string `json:"send_format,omitempty"`

	// SendHexFormat is a format that results in hexadecimal digits to send.
	SendHexFormat string `json:"send_hex_format,omitempty"`

	// Request is an HTTP request. It is for http_script only.
	Request *Request `json:"request,omitempty"`

	// Expect describes what the server must send, or must not.
	Expect *Expect `json:"expect,omitempty"`

	// Set sets a variable.
	Set *SetVar `json:"set,omitempty"`

	// Unset is the name of a variable to unset.
	Unset string `json:"unset,omitempty"`

	// Comment is logged when the check fails in this step.
	Comment string `json:"comment,omitempty"`

	number       int // in messages, from 1; 0: the implied connect
	shownComment string
	data         []byte // to send
	format       *sample.Format
	retryFrom    int // index of the step to evaluate again from when more data arrives
}

// expressionLoader returns a loader of the expressions of checks.
func expressionLoader() *sample.Loader { return &sample.Loader{Checks: true} }

// compileFormat compiles a format. It returns nil for an empty text.
func compileFormat(name, text string) (*sample.Format, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // an empty format is not an error
	}
	f, err := expressionLoader().Format(text)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", name, text, err)
	}
	return f, nil
}

var (
	errNotOneAction       = errors.New("expected exactly one action, such as connect, send or expect")
	errSendInHTTPScript   = errors.New("send, send_hex, send_format and send_hex_format are for tcp_script: expected request")
	errRequestInTCPScript = errors.New("request is for http_script: expected send")
)

// provision validates the step and compiles it. http: the step belongs to an http_script.
func (s *Step) provision(http bool) error {
	actions := s.actions()
	switch {
	case actions > 1 || actions == 0 && s.Comment == "":
		return errNotOneAction
	case actions == 0:
		return nil
	case http && s.sends() && s.Request == nil:
		return errSendInHTTPScript
	case !http && s.Request != nil:
		return errRequestInTCPScript
	}
	return s.compile(http)
}

// actions counts the actions that the step has.
func (s *Step) actions() (n int) {
	for _, given := range []bool{
		s.Send != "", s.SendHex != "", s.SendFormat != "", s.SendHexFormat != "",
		s.Connect != nil, s.Request != nil, s.Expect != nil, s.Set != nil, s.Unset != "",
	} {
		if given {
			n++
		}
	}
	return n
}

// compile compiles the step's action.
func (s *Step) compile(http bool) (err error) {
	switch {
	case s.Connect != nil:
		return s.Connect.provision(http)
	case s.Request != nil:
		return s.Request.provision()
	case s.Expect != nil:
		return s.Expect.provision(http)
	case s.Set != nil:
		return s.Set.provision()
	case s.Unset != "":
		return validateVariable(s.Unset)
	case s.Send != "":
		s.data = []byte(s.Send)
	case s.SendHex != "":
		s.data, err = decodeHex("send_hex", s.SendHex)
	case s.SendFormat != "":
		s.format, err = compileFormat("send_format", s.SendFormat)
	default:
		s.format, err = compileFormat("send_hex_format", s.SendHexFormat)
	}
	return err
}

// decodeHex decodes hexadecimal digits.
func decodeHex(name, text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%s %q: expected pairs of hexadecimal digits, such as 0d0a", name, text)
	}
	return b, nil
}

// isLocal reports whether the step runs without the server.
func (s *Step) isLocal() bool {
	return s.Set != nil || s.Unset != "" || s.isCommentOnly()
}

// isCommentOnly reports whether the step has nothing but a comment.
func (s *Step) isCommentOnly() bool {
	return s.actions() == 0
}

// sends reports whether the step sends data.
func (s *Step) sends() bool {
	return s.Send != "" || s.SendHex != "" || s.SendFormat != "" || s.SendHexFormat != "" || s.Request != nil
}

// String returns the step as messages name it.
func (s *Step) String() string {
	var what string
	switch {
	case s.Connect != nil:
		what = s.Connect.String()
	case s.Expect != nil:
		what = s.Expect.String()
	case s.Request != nil:
		what = s.Request.String()
	case s.Set != nil:
		what = "set " + s.Set.Var
	case s.Unset != "":
		what = "unset " + s.Unset
	default:
		what = "send"
	}
	if s.shownComment != "" {
		what += "; " + s.shownComment
	}
	return what
}

// parseText returns a parser for a text and a comment.
func parseText(field func(*Step) *string, unescape bool) func(*Step, *caddyfile.Dispenser) error {
	return func(s *Step, d *caddyfile.Dispenser) (err error) {
		to, name := field(s), d.Val()
		if *to, err = options.Arg(d); err != nil {
			return err
		}
		if unescape {
			word := *to
			if *to, err = options.Unescape(word); err != nil {
				return d.Errf("%s %q: %w", name, word, err)
			}
		}
		return options.Table{"comment": options.Text(&s.Comment)}.ParseLine(d)
	}
}

func (s *Step) parseComment(d *caddyfile.Dispenser) (err error) {
	s.Comment, err = options.Arg(d)
	return err
}
