// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// defaultCounters is the number of counters of a connection without tune.stick-counters.
const defaultCounters = 3

// isTracking reports whether an action is about what the connection tracks.
func isTracking(action string) bool {
	return strings.HasPrefix(action, trackPrefix) || strings.HasPrefix(action, "sc-")
}

// trackPrefix is followed by the number of a counter.
const trackPrefix = "track-sc"

// tracking reads the arguments of an action about what the connection tracks. more is the rest of
// its first word, from the parenthesis on.
func (t *translation) tracking(p *proxy, s statement, has sample.Needs, more string) (r rule, rest []string, err error) {
	name, _, _ := strings.Cut(s.args[0], "(")
	words, condition := haproxyfile.CutCondition(s.args[1:])
	if counter, ok := strings.CutPrefix(name, trackPrefix); ok {
		r, err = t.trackRule(p, s, has, counter, words)
		return r, condition, err
	}
	r.action = actionNames[name]
	if err := t.readCounter(&r, s.args[0], more); err != nil {
		return r, nil, err
	}
	if !takesNumber(name) {
		if len(words) > 0 {
			return r, nil, fmt.Errorf("only accepts 'if' or 'unless' (got '%s')", words[0])
		}
		return r, condition, nil
	}
	if len(words) == 0 {
		return r, nil, fmt.Errorf("expects a number or an expression after %s", s.args[0])
	}
	r.value = strings.Join(words, ",")
	if _, err := strconv.ParseInt(r.value, 10, 64); err == nil {
		return r, condition, nil
	}
	r.value, err = t.trackingExpression(p, s, has, r.value)
	return r, condition, err
}

func takesNumber(action string) bool {
	return action == "sc-add-gpc" || strings.HasPrefix(action, "sc-set-gpt")
}

// trackRule reads "track-scN KEY [table NAME]".
func (t *translation) trackRule(p *proxy, s statement, has sample.Needs, counter string, words []string) (r rule, err error) {
	r.action = actionNames[trackPrefix+"0"]
	if r.counter, err = t.trackedCounter(counter); err != nil {
		return r, err
	}
	for i, word := range words {
		if word != "table" {
			continue
		}
		if len(words) != i+2 {
			return r, errors.New("expects the name of a table after 'table', and nothing else")
		}
		r.table, words = words[i+1], words[:i]
		break
	}
	if len(words) == 0 {
		return r, errors.New("missing fetch method")
	}
	if r.key, err = t.trackingExpression(p, s, has, strings.Join(words, ",")); err != nil {
		return r, err
	}
	e, err := t.loader.Expression(r.key)
	if err != nil {
		return r, err
	}
	t.tableUses = append(t.tableUses, tableUse{questionOrigin{section: p, Pos: s.Pos}, r.table, s.args[0], e})
	return r, nil
}

// trackingExpression reads an expression. Its converters may be words of their own.
func (t *translation) trackingExpression(p *proxy, s statement, has sample.Needs, text string) (string, error) {
	text, e, err := t.readExpression(t.loader, text)
	if err != nil {
		return "", unavailable(err)
	}
	if w := e.Warning(); w != "" {
		t.warnf(s.Pos, "'%s': %s", s.args[0], w)
	}
	if lacks := e.Needs() &^ has; lacks != 0 {
		return "", fmt.Errorf("fetch method '%s' extracts information from '%s', none of which is available here", s.args[0], lacks)
	}
	t.addExpressionQuestions(p, s.Pos, sampleFetch, s.keyword[:strings.LastIndexByte(s.keyword, ' ')]+" expression", e.Questions())
	return text, nil
}

// readCounter reads the counter of an action, and the index of an array before it: "(2,0)", "(0)"
// or nothing.
func (t *translation) readCounter(r *rule, word, more string) (err error) {
	name, _, _ := strings.Cut(word, "(")
	indexed := !strings.HasSuffix(name, "0") && !strings.HasSuffix(name, "1")
	if more == "" && !indexed {
		return t.validateCounter(0)
	}
	inner, closed := strings.CutSuffix(more, ")")
	index, counter, both := strings.Cut(inner, ",")
	if indexed {
		if r.index, err = strconv.Atoi(index); err == nil && both && (r.index < 0 || r.index >= rules.MaxElements) {
			return fmt.Errorf("%s: %d is out of range: expected a number from 0 to %d", name, r.index, rules.MaxElements-1)
		}
		if err != nil || !both {
			kind := name[len(name)-len("gpc"):]
			return fmt.Errorf("Missing %s ID '%s'. Expects %s(<%s ID>,<Track ID>)", kind, word, name, strings.ToUpper(kind)) //nolint:staticcheck // HAProxy's words
		}
		inner = counter
	}
	if r.counter, err = strconv.Atoi(inner); err != nil || !closed {
		return fmt.Errorf("invalid stick table track ID '%s'. Expects a number in parentheses, such as %s(0)", word, name)
	}
	return t.validateCounter(r.counter)
}

// trackedCounter reads the number in track-scN.
func (t *translation) trackedCounter(text string) (int, error) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("Wrong track-sc number '%s'", text) //nolint:staticcheck // HAProxy's words
	case t.counters() == 0:
		return 0, fmt.Errorf("%d track-sc number not usable, stick-counters are disabled by tune.stick-counters", n)
	case n < 0 || n >= t.counters():
		return 0, fmt.Errorf("%d track-sc number exceeding %d (tune.stick-counters-1) value", n, t.counters()-1)
	}
	return n, nil
}

func (t *translation) validateCounter(n int) error {
	if n < 0 || n >= t.counters() {
		return fmt.Errorf("invalid stick table track ID. The max allowed ID is %d (tune.stick-counters)", t.counters()-1)
	}
	return nil
}
