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

// HeaderPattern is a header that is looked for in an answer. It is HAProxy's
// http-check expect hdr and fhdr.
type HeaderPattern struct {
	// Name is the header's, in any case.
	Name string `json:"name,omitempty"`

	// NameFormat is a format for it, in place of Name.
	NameFormat string `json:"name_format,omitempty"`

	// NameMatch is how the name is compared: beg, end, sub or reg. Default: str, the
	// whole.
	NameMatch string `json:"name_match,omitempty"`

	// Value is what one of its values must be. Default: any will do.
	Value string `json:"value,omitempty"`

	// ValueFormat is a format for it, in place of Value.
	ValueFormat string `json:"value_format,omitempty"`

	// ValueMatch is how the value is compared, as NameMatch.
	ValueMatch string `json:"value_match,omitempty"`

	// Whole takes each line as one value. Default: commas part values.
	Whole bool `json:"whole,omitempty"`

	name, value matcher
}

// matcher is how a name or a value is compared.
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
		return errors.New("expect: header: it has value and value_format: expected one of them")
	}
	// Of a name the case does not matter.
	if h.name, err = newMatcher("expect: header: name", strings.ToLower(h.Name), h.NameFormat, h.NameMatch, "(?i)"); err != nil {
		return err
	}
	h.value, err = newMatcher("expect: header: value", h.Value, h.ValueFormat, h.ValueMatch, "")
	return err
}

func newMatcher(what, text, format, method, flags string) (m matcher, err error) {
	if err := options.CheckWord(what+"_match", method, matchMethods); err != nil {
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
		return m, fmt.Errorf("%s %q: expected a regular expression as Go knows them: %w", what, text, err)
	}
	return m, nil
}

// withFormat returns the matcher with the text that it has now. false: its format comes
// to nothing.
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

// found reports whether an answer has the header, or what is wrong with the pattern.
func (h *HeaderPattern) found(in *sample.Input) (found bool, wrong string) {
	name, named := h.name.withFormat(in)
	value, valued := h.value.withFormat(in)
	if !named || !valued {
		return false, "the format comes to nothing"
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

// String is the pattern as messages show it.
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
