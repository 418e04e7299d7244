// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// A Trace shows how expressions are evaluated that are only tried: see [Input.Trace]. It is not
// safe for concurrent use.
type Trace struct {
	compared []Comparison
	values   []string // of the criterion that is being compared
}

// A Comparison is the result of one criterion, or of one matcher.
type Comparison struct {
	// Text is the criterion as the configuration has it.
	Text string
	// Values are those that were compared. None: the expression had no value.
	Values  []string
	Verdict Verdict
}

// Add adds a comparison.
func (t *Trace) Add(c Comparison) { t.compared = append(t.compared, c) }

// Take returns the comparisons since the last call.
func (t *Trace) Take() []Comparison {
	all := t.compared
	t.compared = nil
	return all
}

// maxTraced bounds the values that a comparison shows.
const maxTraced = 16

// note adds a value of the criterion that is being compared. t may be nil.
func (t *Trace) note(s result) {
	if t != nil && s.found && len(t.values) < maxTraced {
		t.values = append(t.values, s.value.shown())
	}
}

// done adds the result of a criterion.
func (t *Trace) done(c *Criterion, verdict Verdict) {
	t.Add(Comparison{c.String(), slices.Clone(t.values), verdict})
	t.values = t.values[:0]
}

// shown returns the value for readers: all bytes, where a string ends at the first NUL.
func (v Value) shown() string {
	switch v.kind {
	case Bin:
		return hex.EncodeToString(v.data)
	case Bool:
		return [...]string{"false", "true"}[v.number&1]
	default:
		return v.String()
	}
}

// String returns the criterion as haproxy.cfg has it after the name of the acl. Of many values it
// has the first ones.
func (c *Criterion) String() string {
	words := []string{c.Fetch}
	if c.IgnoreCase {
		words = append(words, "-i")
	}
	if c.Method != "" {
		words = append(words, "-m", c.Method)
	}
	for _, file := range c.Files {
		words = append(words, "-f", file)
	}
	if len(c.Values) > 0 && strings.HasPrefix(c.Values[0], "-") {
		words = append(words, "--")
	}
	return strings.Join(append(words, printable.Shorten(c.Values)...), " ")
}

// String returns the term as readers of the configuration know it.
func (t *Term) String() string {
	var all []string
	for i := range t.Any {
		all = append(all, t.Any[i].String())
	}
	text := strings.Join(printable.Shorten(all), " or ")
	if t.Name != "" {
		text = fmt.Sprintf("%s (%s)", t.Name, text)
	}
	if t.Not {
		return "not " + text
	}
	return text
}
