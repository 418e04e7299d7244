// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// maxReceived is how many bytes between two sends are looked at.
const maxReceived = 64 << 10

// Expect is what is looked for in all that has come since the last send or
// connect: one of string, regexp, hex, hex_regexp, string_format and hex_format. What is found stays, so that
// the expects of a row look at the same bytes. While it is not found, more is waited
// for, until the server ends the connection, time is over, or 64 KiB have come. It
// is HAProxy's tcp-check expect and http-check expect.
type Expect struct {
	// Text is looked for as it stands.
	Text string `json:"string,omitempty"`

	// Regexp is looked for as a regular expression.
	Regexp string `json:"regexp,omitempty"`

	// Hex is as string, in hexadecimal digits.
	Hex string `json:"hex,omitempty"`

	// HexRegexp is a regular expression that is matched against what has come in
	// hexadecimal digits, capital ones. It is HAProxy's rbinary.
	HexRegexp string `json:"hex_regexp,omitempty"`

	// TextFormat is a format of a text to look for. If it comes to nothing, the step
	// fails.
	TextFormat string `json:"string_format,omitempty"`

	// HexFormat is a format that comes to hexadecimal digits.
	HexFormat string `json:"hex_format,omitempty"`

	// Status are the codes that pass: codes, ranges (200-399) and classes (2xx). It is for
	// http_script, as the next two are; there string, regexp and string_format look at
	// the body.
	Status []string `json:"status,omitempty"`

	// StatusMatches is a regular expression that must match the code's three digits.
	StatusMatches string `json:"status_matches,omitempty"`

	// Header is a header that the answer must have.
	Header *HeaderPattern `json:"header,omitempty"`

	// Not has the step fail where it would pass. As with HAProxy, only the end of
	// the connection, or min_recv, can tell that something has not come.
	Not bool `json:"not,omitempty"`

	// MinRecv is how many bytes must have come before anything is decided; and then
	// it is, without any more being waited for. It is HAProxy's min-recv.
	MinRecv int `json:"min_recv,omitempty"`

	Labels

	http    bool
	name    string // of the one that is given
	literal []byte
	pattern *regexp.Regexp
	format  *sample.Format
	spans   []span
}

// verdict is what an expect says of what has come.
type verdict int

const (
	waits verdict = iota
	passes
	fails
)

// kind is what is looked for, and as what.
func (e *Expect) kind() (name, pattern string, err error) {
	header := ""
	if e.Header != nil {
		header = e.Header.String()
	}
	for _, k := range []struct{ name, pattern string }{
		{"string", e.Text},
		{"regexp", e.Regexp},
		{"hex", e.Hex},
		{"hex_regexp", e.HexRegexp},
		{"string_format", e.TextFormat},
		{"hex_format", e.HexFormat},
		{"status", strings.Join(e.Status, ",")},
		{"status_matches", e.StatusMatches},
		{"header", header},
	} {
		switch {
		case k.pattern == "":
		case name != "":
			return "", "", fmt.Errorf("expect: it has %s and %s: expected one of them", name, k.name)
		default:
			name, pattern = k.name, k.pattern
		}
	}
	if name == "" {
		return "", "", errors.New("expect: expected one of " + strings.Join(e.kinds(), ", ") + ", and that it is not empty")
	}
	return name, pattern, nil
}

// kinds are what can be looked for.
func (e *Expect) kinds() []string {
	if e.http {
		return []string{"string", "regexp", "string_format", "status", "status_matches", "header"}
	}
	return []string{"string", "regexp", "hex", "hex_regexp", "string_format", "hex_format"}
}

// provision says what is wrong, and makes the pattern ready. http: it is about an
// answer over HTTP.
func (e *Expect) provision(http bool) error {
	e.http = http
	name, pattern, err := e.kind()
	if err != nil {
		return err
	}
	if !slices.Contains(e.kinds(), name) {
		return fmt.Errorf("expect: %s is not for this checker: expected one of %s", name, strings.Join(e.kinds(), ", "))
	}
	if e.MinRecv < 0 || e.MinRecv > maxReceived {
		return fmt.Errorf("expect: min_recv %d: expected a number from 1 to %d", e.MinRecv, maxReceived)
	}
	switch e.name = name; name {
	case "string":
		e.literal = []byte(pattern)
	case "hex":
		e.literal, err = decodeHex("expect: hex", pattern)
	case "string_format", "hex_format":
		e.format, err = compileFormat("expect: "+name, pattern)
	case "status":
		e.spans, err = parseSpans("expect: status", e.Status)
	case "header":
		err = e.Header.provision()
	default:
		if e.pattern, err = regexp.Compile(pattern); err != nil {
			err = fmt.Errorf("expect: %s %q: expected a regular expression as Go knows them: %w", name, pattern, err)
		}
	}
	if err == nil && len(e.literal) > maxReceived {
		err = fmt.Errorf("expect: %s: expected at most %d bytes", name, maxReceived)
	}
	return errors.Join(err, e.Labels.provision())
}

// literalFor returns what to look for literally, and what is wrong with it.
func (e *Expect) literalFor(in *sample.Input) (literal []byte, wrong string) {
	if e.format == nil {
		return e.literal, ""
	}
	literal = []byte(e.format.String(in))
	if len(literal) == 0 {
		return nil, "the format comes to nothing"
	}
	if e.name == "hex_format" {
		var err error
		if literal, err = decodeHex(e.name, string(literal)); err != nil {
			return nil, err.Error()
		}
	}
	return literal, ""
}

// judge looks at what has come; over is whether that is all.
func (e *Expect) judge(got []byte, over bool) verdict { return e.decide(e.literal, got, over) }

func (e *Expect) decide(literal, got []byte, over bool) verdict {
	if !over && (len(got) < e.MinRecv || len(got) < len(literal)) {
		return waits
	}
	found := e.found(literal, got)
	switch {
	case !found && !over && e.MinRecv == 0:
		return waits
	case found != e.Not:
		return passes
	}
	return fails
}

func (e *Expect) found(literal, got []byte) bool {
	switch {
	case literal != nil:
		return bytes.Contains(got, literal)
	case e.HexRegexp != "":
		return e.pattern.Match(bytes.ToUpper([]byte(hex.EncodeToString(got))))
	}
	return e.pattern.Match(got)
}

// String is the step as it is told of.
func (e *Expect) String() string {
	name, pattern, _ := e.kind()
	if e.Not {
		name = "not " + name
	}
	return fmt.Sprintf("expect %s %q", name, printable(pattern))
}

// fields are what takes a pattern in a Caddyfile, by its word.
func (e *Expect) fields() map[string]*string {
	return map[string]*string{
		"string": &e.Text, "regexp": &e.Regexp, "hex": &e.Hex, "hex_regexp": &e.HexRegexp,
		"string_format": &e.TextFormat, "hex_format": &e.HexFormat, "status_matches": &e.StatusMatches,
	}
}

// parse takes [not] KIND PATTERN.
func (e *Expect) parse(d *caddyfile.Dispenser) error {
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	if word == "not" {
		e.Not = true
		if word, err = options.Arg(d); err != nil {
			return err
		}
	}
	if !slices.Contains(e.kinds(), word) {
		return d.Errf("expect: unknown word %q%s", word, options.Suggest(word, append(e.kinds(), "not")))
	}
	pattern, err := options.Arg(d)
	if err != nil {
		return err
	}
	switch word {
	case "status":
		e.Status = strings.Split(pattern, ",")
		return nil
	case "header":
		e.Header = &HeaderPattern{Name: pattern}
		return nil
	case "string":
		if pattern, err = options.Unescape(pattern); err != nil {
			return d.Errf("expect string: %w", err)
		}
	}
	*e.fields()[word] = pattern
	return nil
}

// parseExpect returns what parses an expectation.
func parseExpect(http bool) func(*Step, *caddyfile.Dispenser) error {
	return func(s *Step, d *caddyfile.Dispenser) error {
		s.Expect = &Expect{http: http}
		if err := s.Expect.parse(d); err != nil {
			return err
		}
		table := s.Expect.Labels.options()
		table["min_recv"] = options.Int(&s.Expect.MinRecv, 1, maxReceived)
		table["comment"] = options.Text(&s.Comment)
		if s.Expect.Header != nil {
			s.Expect.Header.addOptions(table)
		}
		return table.ParseLine(d)
	}
}
