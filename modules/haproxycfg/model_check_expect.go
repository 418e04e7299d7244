// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// Patterns that expect rules have.
var (
	tcpExpects  = []string{"string", "rstring", "binary", "rbinary", "string-lf", "binary-lf"}
	httpExpects = []string{"status", "rstatus", "string", "rstring", "string-lf", "hdr", "fhdr"}
)

// expectation is an expect rule while it is read.
type expectation struct {
	*translation
	checks.Expect
	comment string
	kind    string // of the pattern; empty: not read yet
	words   []string
}

// expectStep reads "[OPTIONS] [!] KIND PATTERN [OPTIONS]".
func (t *translation) expectStep(s statement, kinds []string) (*checkStep, error) {
	e := &expectation{translation: t, words: s.args[1:]}
	for len(e.words) > 0 {
		name, not, bang := e.next()
		var err error
		if slices.Contains(kinds, name) {
			err = e.setPattern(name, not)
		} else {
			err = e.setOption(name, bang, kinds)
		}
		if err != nil {
			return nil, err
		}
	}
	if e.kind == "" {
		return nil, errors.New("expects at least a matching pattern as arguments")
	}
	return &checkStep{Step: checks.Step{Expect: &e.Expect, Comment: e.comment}}, nil
}

// setPattern reads the pattern after its kind.
func (e *expectation) setPattern(kind string, not bool) error {
	if e.kind != "" {
		return errors.New("only one pattern expected")
	}
	if len(e.words) == 0 {
		return fmt.Errorf("'%s' expects a <pattern> as argument", kind)
	}
	e.kind, e.Not = kind, not
	return e.pattern(kind)
}

// setOption reads the value of an option after its name. kinds are those that a pattern may have.
func (e *expectation) setOption(name string, bang bool, kinds []string) error {
	set := expectOptions[name]
	switch {
	case set == nil:
		return fmt.Errorf("only supports min-recv, '[!]%s' or comment but got '%s' as argument", strings.Join(kinds, "', '[!]"), name)
	case bang:
		return fmt.Errorf("[!] not supported with '%s'", name)
	case len(e.words) == 0:
		return fmt.Errorf("'%s' expects an argument", name)
	}
	return set(e, e.take())
}

// next returns the next word, and whether "!" before it negates it.
func (e *expectation) next() (name string, not, bang bool) {
	for {
		name = e.take()
		for strings.HasPrefix(name, "!") {
			name, not, bang = name[1:], !not, true
		}
		if name != "" || len(e.words) == 0 {
			return name, not, bang
		}
	}
}

func (e *expectation) take() string {
	word := e.words[0]
	e.words = e.words[1:]
	return word
}

// expectOptions are the options of an expect rule.
var expectOptions = map[string]func(*expectation, string) error{
	"comment":  func(e *expectation, value string) error { e.comment = value; return nil },
	"min-recv": (*expectation).minRecv,
	"ok-status": func(e *expectation, value string) error {
		return statusWord(&e.OKStatus, "ok-status", value, "L4OK L6OK L7OK L7OKC")
	},
	"error-status": func(e *expectation, value string) error {
		return statusWord(&e.ErrorStatus, "error-status", value, "L4CON L6RSP L7RSP L7STS L7OKC")
	},
	"tout-status": func(e *expectation, value string) error {
		return statusWord(&e.TimeoutStatus, "tout-status", value, "L4TOUT L6TOUT L7TOUT")
	},
	"on-success": func(e *expectation, value string) error { return e.formatted(&e.OnSuccess, value) },
	"on-error":   func(e *expectation, value string) error { return e.formatted(&e.OnError, value) },
	"status-code": func(e *expectation, value string) error {
		e.StatusCode = value
		if _, err := e.checkLoader.Expression(value); err != nil {
			return fmt.Errorf("error detected while parsing status-code expression : %w", unavailable(err))
		}
		return nil
	},
}

func (e *expectation) minRecv(value string) error {
	n, err := strconv.Atoi(value)
	if err != nil {
		n = 0 // as in HAProxy, for anything but a number
	}
	switch {
	case n < -1:
		return errors.New("'min-recv' expects -1 or an integer from 0 to INT_MAX")
	case n == -1:
		e.MinRecv = 0
	default:
		e.MinRecv = max(1, n) // as in HAProxy, an empty answer never decides
	}
	return nil
}

func statusWord(to *string, name, value, known string) error {
	words := strings.Fields(known)
	if *to = strings.ToUpper(value); !slices.Contains(words, *to) {
		return fmt.Errorf("'%s' only supports %s status (got '%s')", name, choices(words), value)
	}
	return nil
}

func (e *expectation) formatted(to *string, format string) error {
	*to = format
	_, err := e.parseCheckFormat(format)
	return err
}

// pattern reads a pattern of a kind.
func (e *expectation) pattern(kind string) error {
	if kind == "hdr" || kind == "fhdr" {
		return e.header(kind)
	}
	pattern := e.take()
	plain, formatted := strings.CutSuffix(kind, "-lf")
	if !formatted {
		return e.constant(kind, pattern)
	}
	text, err := e.parseCheckFormat(pattern)
	switch {
	case err != nil:
		return err
	case text != "":
		return e.constant(plain, text)
	case plain == "binary":
		e.HexFormat = pattern
	default:
		e.TextFormat = pattern
	}
	return nil
}

// constant sets a pattern that is not a log format.
func (e *expectation) constant(kind, pattern string) error {
	switch kind {
	case "string":
		if e.Text = pattern; !utf8.ValidString(pattern) {
			e.Text, e.Hex = "", hex.EncodeToString([]byte(pattern))
		}
	case "binary":
		e.Hex = pattern
		return hexadecimal(pattern)
	case "rstring":
		e.Regexp = pattern
		return validRegexp(pattern)
	case "rbinary":
		e.HexRegexp = pattern
		return validRegexp(pattern)
	case "rstatus":
		e.StatusMatches = pattern
		return validRegexp(pattern)
	case "status":
		return e.status(pattern)
	}
	return nil
}

func validRegexp(pattern string) error {
	if _, err := regexp.Compile(pattern); err != nil {
		return fmt.Errorf("regex '%s' is invalid: %w", pattern, err)
	}
	return nil
}

// status reads a list of codes, such as "200,204-206". HAProxy accepts any number.
func (e *expectation) status(list string) error {
	if strings.Trim(list, "0123456789,-") != "" {
		return fmt.Errorf("invalid character in the list of status codes '%s'", list)
	}
	for word := range strings.SplitSeq(list, ",") {
		first, last, ranged := strings.Cut(word, "-")
		low, _ := strconv.Atoi(first)
		high, _ := strconv.Atoi(last)
		if !ranged {
			high = low
		}
		if low > high {
			return fmt.Errorf("invalid range of status codes '%s'", list)
		}
		if low, high = max(low, 100), min(high, 999); low <= high {
			e.Status = append(e.Status, fmt.Sprintf("%d-%d", low, high))
			if low == high {
				e.Status[len(e.Status)-1] = strconv.Itoa(low)
			}
		}
	}
	if len(e.Status) == 0 {
		return fmt.Errorf("no response has a status of '%s': expected codes such as 200,204-206", list)
	}
	return nil
}
