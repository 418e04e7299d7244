// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// defaultStatus holds the codes that pass by default.
const defaultStatus = "200-399"

// Expectation describes the response that passes: all conditions given must hold. Only the first
// MiB of the body is examined. It is HAProxy's http-check expect.
type Expectation struct {
	// Status are the codes that pass: codes, ranges (200-399) and classes (2xx).
	// Default: 200-399, or any if status_matches or status_not is given.
	Status []string `json:"status,omitempty"`

	// StatusNot are the codes that do not pass.
	StatusNot []string `json:"status_not,omitempty"`

	// StatusMatches is a regexp that must match the code's three digits.
	StatusMatches string `json:"status_matches,omitempty"`

	// BodyContains is text that the body must contain.
	BodyContains string `json:"body_contains,omitempty"`

	// BodyMatches is a regexp that must match the body.
	BodyMatches string `json:"body_matches,omitempty"`

	// BodyNotContains is text that the body must not contain.
	BodyNotContains string `json:"body_not_contains,omitempty"`

	// BodyNotMatches is a regexp that must not match the body.
	BodyNotMatches string `json:"body_not_matches,omitempty"`

	pass, fail                                 []span
	statusMatches, bodyMatches, bodyNotMatches *regexp.Regexp
}

// span is a range of codes, both ends included.
type span struct{ low, high int }

// provision compiles the conditions.
func (e *Expectation) provision() (err error) {
	status := e.Status
	if len(status) == 0 && len(e.StatusNot) == 0 && e.StatusMatches == "" {
		status = []string{defaultStatus}
	}
	if e.pass, err = parseSpans("status", status); err != nil {
		return err
	}
	if e.fail, err = parseSpans("status_not", e.StatusNot); err != nil {
		return err
	}
	for _, r := range []struct {
		name, pattern string
		to            **regexp.Regexp
	}{
		{"status_matches", e.StatusMatches, &e.statusMatches},
		{"body_matches", e.BodyMatches, &e.bodyMatches},
		{"body_not_matches", e.BodyNotMatches, &e.bodyNotMatches},
	} {
		if r.pattern == "" {
			continue
		}
		if *r.to, err = regexp.Compile(r.pattern); err != nil {
			return fmt.Errorf("%s %q: expected a Go regular expression: %w", r.name, r.pattern, err)
		}
	}
	return nil
}

// parseSpans parses words of codes; each word may hold several, separated by commas.
func parseSpans(name string, words []string) (spans []span, err error) {
	for _, list := range words {
		for word := range strings.SplitSeq(list, ",") {
			s, ok := parseSpan(strings.TrimSpace(word))
			if !ok {
				return nil, fmt.Errorf("%s: %q: expected a code such as 204, a range such as 200-399 or a class such as 2xx", name, word)
			}
			spans = append(spans, s)
		}
	}
	return spans, nil
}

func parseSpan(word string) (s span, ok bool) {
	if class, found := strings.CutSuffix(word, "xx"); found {
		n, err := strconv.Atoi(class)
		return span{n * 100, n*100 + 99}, err == nil && n >= 1 && n <= 9
	}
	low, high, ranged := strings.Cut(word, "-")
	if !ranged {
		high = low
	}
	s.low, _ = strconv.Atoi(low) // 0 on error, which is out of range
	s.high, _ = strconv.Atoi(high)
	return s, 100 <= s.low && s.low <= s.high && s.high <= 999
}

func inSpans(spans []span, code int) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.low <= code && code <= s.high })
}

func (e *Expectation) needsBody() bool {
	return e.BodyContains != "" || e.BodyMatches != "" || e.BodyNotContains != "" || e.BodyNotMatches != ""
}

// mismatch describes the first condition that does not hold; empty if all hold.
func (e *Expectation) mismatch(code int, body []byte) string {
	switch {
	case len(e.pass) > 0 && !inSpans(e.pass, code):
		return "status is not " + strings.Join(e.statusWords(), ",")
	case inSpans(e.fail, code):
		return "status is " + strings.Join(e.StatusNot, ",")
	case e.statusMatches != nil && !e.statusMatches.MatchString(strconv.Itoa(code)):
		return fmt.Sprintf("status does not match %q", e.StatusMatches)
	case !bytes.Contains(body, []byte(e.BodyContains)):
		return fmt.Sprintf("body does not contain %q", e.BodyContains)
	case e.bodyMatches != nil && !e.bodyMatches.Match(body):
		return fmt.Sprintf("body does not match %q", e.BodyMatches)
	case e.BodyNotContains != "" && bytes.Contains(body, []byte(e.BodyNotContains)):
		return fmt.Sprintf("body contains %q", e.BodyNotContains)
	case e.bodyNotMatches != nil && e.bodyNotMatches.Match(body):
		return fmt.Sprintf("body matches %q", e.BodyNotMatches)
	}
	return ""
}

func (e *Expectation) statusWords() []string {
	if len(e.Status) == 0 {
		return []string{defaultStatus}
	}
	return e.Status
}

// options returns the options of the block.
func (e *Expectation) options() options.Table {
	return options.Table{
		"status":            options.Texts(&e.Status),
		"status_not":        options.Texts(&e.StatusNot),
		"status_matches":    options.Text(&e.StatusMatches),
		"body_contains":     options.Text(&e.BodyContains),
		"body_matches":      options.Text(&e.BodyMatches),
		"body_not_contains": options.Text(&e.BodyNotContains),
		"body_not_matches":  options.Text(&e.BodyNotMatches),
	}
}
