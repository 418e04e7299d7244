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

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// maxReceived is the number of bytes received between two sends that are examined.
const maxReceived = 64 << 10

// Expect describes what to look for in everything received since the last send or connect: one of
// string, regexp, hex, hex_regexp, string_format and hex_format. A match consumes nothing, so
// consecutive expects examine the same bytes. Until there is a match, the step waits for more,
// until the server closes, the check times out, or 64 KiB have been received. It is HAProxy's
// tcp-check expect and http-check expect.
type Expect struct {
	// Text is literal text to look for.
	Text string `json:"string,omitempty"`

	// Regexp is a regular expression to look for.
	Regexp string `json:"regexp,omitempty"`

	// Hex is literal data to look for, in hexadecimal digits.
	Hex string `json:"hex,omitempty"`

	// HexRegexp is a regular expression that is matched against the received data in upper-case
	// hexadecimal digits. It is HAProxy's rbinary.
	HexRegexp string `json:"hex_regexp,omitempty"`

	// TextFormat is a format of text to look for. If the result is empty, the step fails.
	TextFormat string `json:"string_format,omitempty"`

	// HexFormat is a format that results in hexadecimal digits of data to look for.
	HexFormat string `json:"hex_format,omitempty"`

	// Status are the codes that pass: codes, ranges (200-399) and classes (2xx). Like the next two
	// fields, it is for http_script only. There, string, regexp and string_format examine the body.
	Status []string `json:"status,omitempty"`

	// StatusMatches is a regular expression that must match the code's three digits.
	StatusMatches string `json:"status_matches,omitempty"`

	// Header is a header that the response must have.
	Header *HeaderPattern `json:"header,omitempty"`

	// Not inverts the step. As in HAProxy, it can only be decided that something was not received once
	// the server closes, or with min_recv.
	Not bool `json:"not,omitempty"`

	// MinRecv is the number of bytes to receive before the step is decided; it is then decided at
	// once, without waiting for more. It is HAProxy's min-recv.
	MinRecv int `json:"min_recv,omitempty"`

	Labels

	http    bool
	name    string // the kind that is given, such as string
	literal []byte
	pattern *regexp.Regexp
	format  *sample.Format
	spans   []span
}

// verdict is the decision of an expect about the data received so far.
type verdict int

const (
	waits verdict = iota
	passes
	fails
)

// kind returns the kind of pattern that is given and the pattern.
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
			return "", "", fmt.Errorf("expect: %s and %s are mutually exclusive", name, k.name)
		default:
			name, pattern = k.name, k.pattern
		}
	}
	if name == "" {
		return "", "", errors.New("expect: expected one of " + strings.Join(e.kinds(), ", ") + ", with a value that is not empty")
	}
	return name, pattern, nil
}

// kinds returns the kinds of pattern that this checker supports.
func (e *Expect) kinds() []string {
	if e.http {
		return []string{"string", "regexp", "string_format", "status", "status_matches", "header"}
	}
	return []string{"string", "regexp", "hex", "hex_regexp", "string_format", "hex_format"}
}

// provision validates the step and compiles its pattern. http: it is about an HTTP response.
func (e *Expect) provision(http bool) error {
	e.http = http
	name, pattern, err := e.kind()
	if err != nil {
		return err
	}
	if !slices.Contains(e.kinds(), name) {
		return fmt.Errorf("expect: %s is not supported by this checker: expected one of %s", name, strings.Join(e.kinds(), ", "))
	}
	if e.MinRecv < 0 || e.MinRecv > maxReceived {
		return fmt.Errorf("expect: min_recv %d: expected a number from 1 to %d", e.MinRecv, maxReceived)
	}
	e.name = name
	return errors.Join(e.compile(pattern), e.Labels.provision())
}

// compile compiles the pattern, which is of the kind e.name.
func (e *Expect) compile(pattern string) (err error) {
	switch name := e.name; name {
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
			err = fmt.Errorf("expect: %s %q: expected a Go regular expression: %w", name, pattern, err)
		}
	}
	if err == nil && len(e.literal) > maxReceived {
		err = fmt.Errorf("expect: %s: expected at most %d bytes", e.name, maxReceived)
	}
	return err
}

// literalFor returns the literal to look for, or an error message.
func (e *Expect) literalFor(in *sample.Input) (literal []byte, wrong string) {
	if e.format == nil {
		return e.literal, ""
	}
	literal = []byte(e.format.String(in))
	if len(literal) == 0 {
		return nil, "the result of the format is empty"
	}
	if e.name == "hex_format" {
		var err error
		if literal, err = decodeHex(e.name, string(literal)); err != nil {
			return nil, err.Error()
		}
	}
	return literal, ""
}

// judge decides about received data; over: nothing else will arrive.
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

// String returns the step as messages name it.
func (e *Expect) String() string {
	name, pattern, _ := e.kind()
	if e.Not {
		name = "not " + name
	}
	return fmt.Sprintf("expect %s %q", name, printable(pattern))
}
