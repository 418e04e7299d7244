// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// maxReceived is how many bytes between two sends are looked at.
const maxReceived = 64 << 10

// Expect is what is looked for in all that has come since the last send or
// connect: one of string, regexp, hex and hex_regexp. What is found stays, so that
// the expects of a row look at the same bytes. While it is not found, more is waited
// for, until the server ends the connection, time is over, or 64 KiB have come. It
// is HAProxy's tcp-check expect.
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

	// Not has the step fail where it would pass. As with HAProxy, only the end of
	// the connection, or min_recv, can tell that something has not come.
	Not bool `json:"not,omitempty"`

	// MinRecv is how many bytes must have come before anything is decided; and then
	// it is, without any more being waited for. It is HAProxy's min-recv.
	MinRecv int `json:"min_recv,omitempty"`

	literal []byte
	pattern *regexp.Regexp
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
	for _, k := range []struct{ name, pattern string }{
		{"string", e.Text}, {"regexp", e.Regexp}, {"hex", e.Hex}, {"hex_regexp", e.HexRegexp},
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
		return "", "", errors.New("expect: expected one of string, regexp, hex and hex_regexp, and that it is not empty")
	}
	return name, pattern, nil
}

// provision says what is wrong, and makes the pattern ready.
func (e *Expect) provision() error {
	name, pattern, err := e.kind()
	if err != nil {
		return err
	}
	if e.MinRecv < 0 || e.MinRecv > maxReceived {
		return fmt.Errorf("expect: min_recv %d: expected a number from 1 to %d", e.MinRecv, maxReceived)
	}
	switch name {
	case "string":
		e.literal = []byte(pattern)
	case "hex":
		e.literal, err = digits("expect: hex", pattern)
	default:
		if e.pattern, err = regexp.Compile(pattern); err != nil {
			err = fmt.Errorf("expect: %s %q: expected a regular expression as Go knows them: %w", name, pattern, err)
		}
	}
	if err == nil && len(e.literal) > maxReceived {
		err = fmt.Errorf("expect: %s: expected at most %d bytes", name, maxReceived)
	}
	return err
}

// judge looks at what has come; over is whether that is all.
func (e *Expect) judge(got []byte, over bool) verdict {
	if !over && (len(got) < e.MinRecv || len(got) < len(e.literal)) {
		return waits
	}
	found := e.found(got)
	switch {
	case !found && !over && e.MinRecv == 0:
		return waits
	case found != e.Not:
		return passes
	}
	return fails
}

func (e *Expect) found(got []byte) bool {
	switch {
	case e.literal != nil:
		return bytes.Contains(got, e.literal)
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
	return fmt.Sprintf("expect %s %q", name, plain(pattern))
}

// parse takes [not] KIND PATTERN.
func (e *Expect) parse(d *caddyfile.Dispenser) error {
	kinds := map[string]*string{"string": &e.Text, "regexp": &e.Regexp, "hex": &e.Hex, "hex_regexp": &e.HexRegexp}
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
	to := kinds[word]
	if to == nil {
		return d.Errf("expect: unknown word %q%s", word, options.Suggest(word, []string{"not", "string", "regexp", "hex", "hex_regexp"}))
	}
	if *to, err = options.Arg(d); err != nil {
		return err
	}
	if word != "string" {
		return nil
	}
	if *to, err = options.Unescape(*to); err != nil {
		return d.Errf("expect string: %w", err)
	}
	return nil
}
