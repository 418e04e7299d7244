// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// HeaderPattern describes a header to look for in a response. It is HAProxy's http-check expect hdr
// and fhdr.
type HeaderPattern struct {
	// Name is the name of the header, in any case.
	Name string `json:"name,omitempty"`

	// NameFormat is a format to use instead of Name.
	NameFormat string `json:"name_format,omitempty"`

	// NameMatch says how to compare the name: beg, end, sub or reg. Default: str, the whole name.
	NameMatch string `json:"name_match,omitempty"`

	// Value is compared with the header's values, one of which must match. Default: any value.
	Value string `json:"value,omitempty"`

	// ValueFormat is a format to use instead of Value.
	ValueFormat string `json:"value_format,omitempty"`

	// ValueMatch says how to compare the value, as NameMatch.
	ValueMatch string `json:"value_match,omitempty"`

	// Whole takes each header line as one value. Default: commas separate values.
	Whole bool `json:"whole,omitempty"`

	name, value matcher
}

// matcher compares a name or a value.
type matcher struct {
	method  string
	text    string
	format  *sample.Format
	pattern *regexp.Regexp
}

var matchMethods = []string{"str", "beg", "end", "sub", "reg"}

func (h *HeaderPattern) provision() (err error) {
	if (h.Name == "") == (h.NameFormat == "") {
		return errors.New("expect: header: expected name or name_format")
	}
	if h.Value != "" && h.ValueFormat != "" {
		return errors.New("expect: header: value and value_format are mutually exclusive")
	}
	// Names are compared without regard to case.
	if h.name, err = newMatcher("expect: header: name", strings.ToLower(h.Name), h.NameFormat, h.NameMatch, "(?i)"); err != nil {
		return err
	}
	h.value, err = newMatcher("expect: header: value", h.Value, h.ValueFormat, h.ValueMatch, "")
	return err
}

func newMatcher(what, text, format, method, flags string) (m matcher, err error) {
	if err := options.ValidateWord(what+"_match", method, matchMethods); err != nil {
		return m, err
	}
	m.method, m.text = method, text
	if m.format, err = compileFormat(what+"_format", format); err != nil {
		return m, err
	}
	if method != "reg" {
		return m, nil
	}
	if format != "" {
		return m, fmt.Errorf("%s_match reg: expected no format", what)
	}
	if m.pattern, err = regexp.Compile(flags + text); err != nil {
		return m, fmt.Errorf("%s %q: expected a Go regular expression: %w", what, text, err)
	}
	return m, nil
}

// withFormat returns the matcher with the current text of its format, or false if that is empty.
func (m matcher) withFormat(in *sample.Input) (matcher, bool) {
	if m.format == nil {
		return m, true
	}
	m.text = m.format.String(in)
	return m, m.text != ""
}

func (m matcher) matches(s string) bool {
	switch m.method {
	case "beg":
		return strings.HasPrefix(s, m.text)
	case "end":
		return strings.HasSuffix(s, m.text)
	case "sub":
		return strings.Contains(s, m.text)
	case "reg":
		return m.pattern.MatchString(s)
	}
	return s == m.text
}

// found reports whether a response has the header, or why the pattern cannot be evaluated.
func (h *HeaderPattern) found(in *sample.Input) (found bool, wrong string) {
	name, named := h.name.withFormat(in)
	value, valued := h.value.withFormat(in)
	if !named || !valued {
		return false, "the result of the format is empty"
	}
	name.text = strings.ToLower(name.text)
	unvalued := h.Value == "" && h.ValueFormat == ""
	for field, lines := range in.Check.Response.Header {
		if !name.matches(strings.ToLower(field)) {
			continue
		}
		if unvalued {
			return true, ""
		}
		for _, line := range lines {
			values := []string{line}
			if !h.Whole {
				values = sample.SplitHeader(line)
			}
			if slices.ContainsFunc(values, value.matches) {
				return true, ""
			}
		}
	}
	return false, ""
}

// String returns the pattern as messages show it.
func (h *HeaderPattern) String() string {
	text := strings.TrimSpace(h.NameMatch + " " + h.Name + h.NameFormat)
	if h.Value+h.ValueFormat != "" {
		text += ": " + strings.TrimSpace(h.ValueMatch+" "+h.Value+h.ValueFormat)
	}
	return text
}

func (h *HeaderPattern) addOptions(table options.Table) {
	table["name_match"] = options.OneOf(&h.NameMatch, matchMethods)
	table["value"] = options.Text(&h.Value)
	table["value_format"] = options.Text(&h.ValueFormat)
	table["value_match"] = options.OneOf(&h.ValueMatch, matchMethods)
	table["whole"] = options.Flag(&h.Whole)
}
