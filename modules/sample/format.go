// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A Format is text with embedded expressions, as use_backend accepts: bk_%[req.ssl_sni,field(1,.)].
// It is immutable and safe for concurrent use.
type Format struct {
	parts []formatPart
	needs Needs
}

// A formatPart is an expression, or text if expression is nil.
type formatPart struct {
	text       string
	expression *Expression
}

// Format parses text in which %[expression] stands for a value and %% for a percent sign. For
// aliases of log formats, such as %ci, the error is an [*Unsupported].
func (l *Loader) Format(text string) (*Format, error) {
	f := &Format{}
	for at := 0; at < len(text); {
		percent := strings.IndexByte(text[at:], '%')
		if percent < 0 {
			f.addText(text[at:])
			break
		}
		f.addText(text[at : at+percent])
		end, err := l.readField(f, text, at+percent+1)
		if err != nil {
			return nil, err
		}
		at = end
	}
	return f, nil
}

// readField adds what follows a percent sign to the format, and returns the position after it.
func (l *Loader) readField(f *Format, text string, at int) (int, error) {
	if at == len(text) {
		return 0, errors.New("truncated line after '%'")
	}
	end := nameEnd(text, at)
	name := text[at:end]
	switch {
	case text[at] == '%':
		f.addText("%")
		return at + 1, nil
	case text[at] == '[':
		e, after, err := l.Bracketed(text, at+1)
		if err != nil {
			return 0, err
		}
		f.parts = append(f.parts, formatPart{expression: e})
		f.needs |= e.needs
		return after, nil
	case l.Checks && name == "H":
		host, err := os.Hostname()
		f.addText(host)
		return end, err
	case l.HTTP && httpAliases[name] != "":
		e, err := l.Expression(httpAliases[name])
		f.parts = append(f.parts, formatPart{expression: e})
		return end, err
	}
	return 0, formatAlias(text[at:])
}

func (f *Format) addText(text string) {
	if text != "" {
		f.parts = append(f.parts, formatPart{text: text})
	}
}

// Bracketed parses an expression up to its closing bracket, and returns the position after that.
func (l *Loader) Bracketed(text string, at int) (*Expression, int, error) {
	e, end, err := l.readExpression(text, at)
	if err != nil {
		return nil, 0, fmt.Errorf("failed to parse sample expression <%s> : %w", text[at:], err)
	}
	after, err := closeBracket(text, at, end.at)
	return e, after, err
}

// closeBracket expects the closing bracket of an expression that starts at a position, and returns
// the position after it.
func closeBracket(text string, at, end int) (int, error) {
	switch {
	case end == len(text):
		return 0, fmt.Errorf("missing ']' after '%s'", text[at:])
	case text[end] != ']':
		return 0, fmt.Errorf("expected ']' after '%s', but found '%c'", text[at:end], text[end])
	}
	return end + 1, nil
}

// httpAliases maps the aliases of log formats to expressions over HTTP.
var httpAliases = map[string]string{
	"ci": "src", "cp": "src_port", "fi": "dst", "fp": "dst_port", "HM": "method", "HP": "path", "HPO": "path", "HU": "capture.req.uri", "HV": "capture.req.ver", "ST": "status",
}

// InRequest reports whether an expression examines an HTTP request; see [Expression.InRequest].
func (f *Format) InRequest() bool { return f.any((*Expression).InRequest) }

// InResponse reports whether an expression examines an HTTP response.
func (f *Format) InResponse() bool { return f.any((*Expression).InResponse) }

// Changes reports whether evaluating the format changes a counter; see [Expression.Changes].
func (f *Format) Changes() bool { return f.any((*Expression).Changes) }

func (f *Format) any(is func(*Expression) bool) bool {
	return slices.ContainsFunc(f.parts, func(p formatPart) bool { return p.expression != nil && is(p.expression) })
}

// formatAlias returns the error for a percent sign that is not followed by an expression.
func formatAlias(rest string) error {
	alias := rest
	if end := nameEnd(rest, 0); end > 0 {
		alias = rest[:end]
	}
	if rest[0] == '{' {
		alias = "{"
	}
	return &Unsupported{"'%" + alias + "'", "use an expression in brackets; a literal percent sign is '%%'"}
}

// Constant reports whether the format has no expressions, and returns its text.
func (f *Format) Constant() (string, bool) {
	switch {
	case len(f.parts) == 0:
		return "", true
	case len(f.parts) == 1 && f.parts[0].expression == nil:
		return f.parts[0].text, true
	}
	var b strings.Builder
	for _, part := range f.parts {
		if part.expression != nil {
			return "", false
		}
		b.WriteString(part.text)
	}
	return b.String(), true
}

// String returns the text with the current values of the expressions, final or not. An expression
// without a value adds nothing.
func (f *Format) String(in *Input) string {
	last := *in
	last.Final = true
	var b strings.Builder
	for _, part := range f.parts {
		if part.expression == nil {
			b.WriteString(part.text)
			continue
		}
		if v, verdict := part.expression.Eval(&last); verdict == Pass {
			s, _ := cast(v, typeStr)
			b.Write(s.data)
		}
	}
	return b.String()
}

// Warning returns the first warning of an expression; see [Expression.Warning].
func (f *Format) Warning() string {
	for _, part := range f.parts {
		if part.expression != nil && part.expression.Warning() != "" {
			return part.expression.Warning()
		}
	}
	return ""
}

// Questions returns the queries that the expressions make to a [State]; see [Expression.Questions].
func (f *Format) Questions() (all []Question) {
	for _, part := range f.parts {
		if part.expression != nil {
			all = append(all, part.expression.questions...)
		}
	}
	return all
}

// NeedsRequest reports whether an expression examines bytes from the client, or waits for their
// end.
func (f *Format) NeedsRequest() bool {
	return f.needs&NeedsRequest != 0
}

// Needs returns the data without which an expression has no value.
func (f *Format) Needs() Needs {
	return f.needs
}
