// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Step is one thing that a script does. It has one of the fields below, and perhaps a
// comment. One that has a comment alone does nothing: the comment is for the steps of
// one kind that follow and have none.
//
// Formats are texts in which %[expression] stands for a value and %% for a percent
// sign. Expressions and variables are HAProxy's, as far as they make sense in a check:
// docs/checks.md lists them.
type Step struct {
	// Connect ends the connection, if there is one, and opens another.
	Connect *ConnectStep `json:"connect,omitempty"`

	// Send is text to send. It is for tcp_script, as the next three are.
	Send string `json:"send,omitempty"`

	// SendHex is the same in hexadecimal digits.
	SendHex string `json:"send_hex,omitempty"`

	// SendFormat is a format of what to send. If it comes to nothing, nothing is sent.
	SendFormat string `json:"send_format,omitempty"`

	// SendHexFormat is a format that comes to hexadecimal digits.
	SendHexFormat string `json:"send_hex_format,omitempty"`

	// Request is a request over HTTP. It is for http_script.
	Request *Request `json:"request,omitempty"`

	// Expect is what must come, or must not.
	Expect *Expect `json:"expect,omitempty"`

	// Set gives a variable a value.
	Set *SetVar `json:"set,omitempty"`

	// Unset is the name of a variable that has no value from now on.
	Unset string `json:"unset,omitempty"`

	// Comment is logged when the check fails in this step.
	Comment string `json:"comment,omitempty"`

	number       int // from 1, as messages count; 0: the connect that no step asks for
	shownComment string
	data         []byte // to send
	format       *sample.Format
	retryFrom    int // the step from which expects are looked at again when more has come
}

// SetVar gives a variable a value. It is HAProxy's tcp-check set-var and set-var-fmt.
type SetVar struct {
	// Var is the variable: check. or sess. and a name of letters, digits, "_" and ".".
	// It lasts as long as the check does.
	Var string `json:"var"`

	// Value is an expression, such as res.payload(0,4). Where it has no value, the
	// variable stays as it is.
	Value string `json:"value,omitempty"`

	// Format is a format, in place of Value.
	Format string `json:"format,omitempty"`

	value  *sample.Expression
	format *sample.Format
}

// expressionLoader is what reads the expressions of checks.
func expressionLoader() *sample.Loader { return &sample.Loader{Checks: true} }

// compileFormat reads a format; none is nil.
func compileFormat(name, text string) (*sample.Format, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no format is no error
	}
	f, err := expressionLoader().Format(text)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", name, text, err)
	}
	return f, nil
}

var (
	errNotOneAction       = errors.New("expected one thing to do, such as connect, send or expect, and only one")
	errSendInHTTPScript   = errors.New("send, send_hex, send_format and send_hex_format are for tcp_script: expected request")
	errRequestInTCPScript = errors.New("request is for http_script: expected send")
)

// provision says what is wrong with the step, and makes it ready. http: it is one of a
// script over HTTP.
func (s *Step) provision(http bool) (err error) {
	sends := []bool{s.Send != "", s.SendHex != "", s.SendFormat != "", s.SendHexFormat != ""}
	kinds := 0
	for _, given := range append(sends, s.Connect != nil, s.Request != nil, s.Expect != nil, s.Set != nil, s.Unset != "") {
		if given {
			kinds++
		}
	}
	switch {
	case kinds > 1 || kinds == 0 && s.Comment == "":
		return errNotOneAction
	case kinds == 0:
		return nil
	case http && slices.Contains(sends, true):
		return errSendInHTTPScript
	case !http && s.Request != nil:
		return errRequestInTCPScript
	}
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

// decodeHex are bytes in hexadecimal.
func decodeHex(name, text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%s %q: expected pairs of hexadecimal digits, such as 0d0a", name, text)
	}
	return b, nil
}

// validateVariable says what is wrong with the name of a variable.
func validateVariable(name string) error {
	_, err := expressionLoader().Expression("var(" + name + ")")
	if err == nil && !hasCheckScope(name) {
		err = errors.New("expected a scope of check or sess")
	}
	if err != nil {
		return fmt.Errorf("variable %q: %w: expected a name such as check.port", name, err)
	}
	return nil
}

func (v *SetVar) provision() (err error) {
	if err := validateVariable(v.Var); err != nil {
		return fmt.Errorf("set: %w", err)
	}
	if (v.Value == "") == (v.Format == "") {
		return fmt.Errorf("set %s: expected value or format", v.Var)
	}
	if v.Format != "" {
		v.format, err = compileFormat("set: format", v.Format)
		return err
	}
	if v.value, err = expressionLoader().Expression(v.Value); err != nil {
		return fmt.Errorf("set: value %q: %w", v.Value, err)
	}
	return nil
}

// isLocal reports whether the step is done without the server.
func (s *Step) isLocal() bool {
	return s.Set != nil || s.Unset != "" || s.isCommentOnly()
}

// isCommentOnly reports whether the step is a comment and nothing else.
func (s *Step) isCommentOnly() bool {
	return s.Connect == nil && !s.sends() && s.Expect == nil && s.Set == nil && s.Unset == ""
}

// sends reports whether the step sends something.
func (s *Step) sends() bool {
	return s.Send != "" || s.SendHex != "" || s.SendFormat != "" || s.SendHexFormat != "" || s.Request != nil
}

// String is the step as messages name it.
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

// numberSteps numbers the steps, and gives those without a comment the one before them.
func numberSteps(steps []*Step) {
	comment, kind := "", ""
	for i, s := range steps {
		s.number, s.shownComment = i+1, s.Comment
		switch {
		case s.isCommentOnly():
			comment, kind = s.Comment, ""
			continue
		case s.Set != nil || s.Unset != "":
			comment = ""
			continue
		}
		now := "send"
		if s.Expect != nil {
			now = "expect"
		}
		if kind != "" && kind != now {
			comment = ""
		}
		if s.shownComment == "" {
			s.shownComment = comment
		}
		if kind = now; s.Connect != nil {
			comment = ""
		}
	}
}

// setRetryFrom sets where each expect of a row goes back to while it waits: to the first
// one of the row that says what must not come, as in HAProxy. Variables that are set
// in between do not end a row.
func setRetryFrom(steps []*Step) {
	first := -1
	for i, s := range steps {
		s.retryFrom = i
		switch {
		case s.isLocal():
		case s.Expect == nil:
			first = -1
		default:
			if first >= 0 {
				s.retryFrom = first
			}
			if first < 0 && s.Expect.Not {
				first = i
			}
		}
	}
}

// parseText returns what parses a text and a comment.
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

// parseSet takes VAR, and value EXPRESSION or format FORMAT.
func (s *Step) parseSet(d *caddyfile.Dispenser) (err error) {
	s.Set = new(SetVar)
	if s.Set.Var, err = options.Arg(d); err != nil {
		return err
	}
	return options.Table{"value": options.Text(&s.Set.Value), "format": options.Escaped(&s.Set.Format)}.ParseLine(d)
}

func (s *Step) parseUnset(d *caddyfile.Dispenser) (err error) {
	s.Unset, err = options.Arg(d)
	return err
}

func (s *Step) parseComment(d *caddyfile.Dispenser) (err error) {
	s.Comment, err = options.Arg(d)
	return err
}
