// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// expectWords returns an error unless the action has n arguments.
func (l *ruleLine) expectWords(n int, what string) error {
	if len(l.words) != n {
		return fmt.Errorf("expects %s, and has '%s'", what, strings.Join(l.words, " "))
	}
	return nil
}

func noWords(_ *translation, l *ruleLine) error { return l.expectWords(0, "nothing but a condition") }

// format validates a log format, and returns it with absolute file names.
func (t *translation) format(l *ruleLine, text string) (string, error) {
	text, f, err := t.readFormat(t.httpSamples(), text)
	if err != nil {
		return "", err
	}
	t.addExpressionQuestions(l.p, l.Pos, sampleFetch, l.keyword+" expression", f.Questions())
	return text, l.validateAvailable(f.InRequest(), f.InResponse(), text)
}

// validateAvailable reports data that is not available when the rule runs.
func (l *ruleLine) validateAvailable(request, response bool, text string) error {
	switch {
	case request && l.direction != ofRequest:
		return fmt.Errorf("'%s' extracts information from 'HTTP request headers', none of which is available here: expected a variable that 'http-request set-var' has set", text)
	case response && l.direction == ofRequest:
		return fmt.Errorf("'%s' extracts information from 'HTTP response headers', none of which is available here", text)
	}
	return nil
}

func parseHeader(t *translation, l *ruleLine) (err error) {
	if err := l.expectWords(2, "a header's name and its value"); err != nil {
		return err
	}
	l.Name = l.words[0]
	l.Value, err = t.format(l, l.words[1])
	return err
}

func parseDeleteHeader(_ *translation, l *ruleLine) error {
	if len(l.words) == 3 && l.words[1] == "-m" {
		if !slices.Contains(headerMethods, l.words[2]) {
			return fmt.Errorf("unknown matching method '%s': expected str, beg, end, sub or reg", l.words[2])
		}
		l.Method, l.words = l.words[2], l.words[:1]
	}
	if err := l.expectWords(1, "a header's name"); err != nil {
		return err
	}
	l.Name = l.words[0]
	if l.Method == "reg" {
		_, err := regexp.Compile(l.Name)
		return err
	}
	return nil
}

func parseReplaceHeader(t *translation, l *ruleLine) error {
	if err := l.expectWords(3, "a header's name, a regular expression and what to put in its place"); err != nil {
		return err
	}
	l.Name, l.words = l.words[0], l.words[1:]
	return parseReplace(t, l)
}

func parseReplace(t *translation, l *ruleLine) (err error) {
	if err := l.expectWords(2, "a regular expression and what to put in its place"); err != nil {
		return err
	}
	l.Pattern = l.words[0]
	if _, err := regexp.Compile(l.Pattern); err != nil {
		return err
	}
	l.Value, err = t.format(l, l.words[1])
	return err
}

func parseValue(t *translation, l *ruleLine) (err error) {
	if err := l.expectWords(1, "a log format"); err != nil {
		return err
	}
	l.Value, err = t.format(l, l.words[0])
	return err
}

func parseStatus(_ *translation, l *ruleLine) error {
	if len(l.words) == 3 && l.words[1] == "reason" { // net/http sends its own reason
		l.words = l.words[:1]
	}
	if err := l.expectWords(1, "a status from 100 to 999"); err != nil {
		return err
	}
	return parseStatusCode(&l.Status, l.words[0])
}

func parseSetVar(t *translation, l *ruleLine) (err error) {
	if l.Name, err = parseHTTPVariable(l.paren); err != nil {
		return err
	}
	return parseExpression(t, l)
}

// parseExpression reads an expression.
func parseExpression(t *translation, l *ruleLine) (err error) {
	if err := l.expectWords(1, "an expression"); err != nil {
		return err
	}
	var e *sample.Expression
	if l.Value, e, err = t.readExpression(t.httpSamples(), l.words[0]); err != nil {
		return err
	}
	t.addExpressionQuestions(l.p, l.Pos, sampleFetch, l.keyword+" expression", e.Questions())
	return l.validateAvailable(e.InRequest(), e.InResponse(), l.Value)
}

func parseSetVarFormat(t *translation, l *ruleLine) (err error) {
	if l.Name, err = parseHTTPVariable(l.paren); err != nil {
		return err
	}
	return parseValue(t, l)
}

func parseUnsetVar(_ *translation, l *ruleLine) (err error) {
	l.Name, err = parseHTTPVariable(l.paren)
	return err
}

// parseHTTPVariable reads the variable in the parentheses of set-var.
func parseHTTPVariable(text string) (string, error) {
	if name, ok := strings.CutPrefix(text, "res."); ok {
		if _, err := parseVariable("req." + name); err != nil {
			return "", err
		}
		return strings.TrimSuffix(text, ")"), nil
	}
	name, err := parseVariable(text)
	if err == nil && strings.HasPrefix(name, "sess.") {
		err = errors.New("variables of the scope 'sess' are not kept from one request of a connection to the next: expected the scope 'txn'")
	}
	return name, err
}
