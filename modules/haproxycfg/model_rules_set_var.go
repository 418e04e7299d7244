// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// computed is an expression or a log format.
type computed interface {
	Needs() sample.Needs
	Questions() []sample.Question
	Warning() string
}

// setVar reads "set-var(SCOPE.NAME) EXPRESSION" and "set-var-fmt(SCOPE.NAME) FORMAT".
func (t *translation) setVar(p *proxy, s statement, has sample.Needs, r rule, name string) (rule, []string, error) {
	var err error
	if r.variable, err = parseVariable(name); err != nil {
		return r, nil, err
	}
	return t.ruleValue(p, s, has, r)
}

// ruleValue reads the expression or the log format of a rule. The rest is its condition.
func (t *translation) ruleValue(p *proxy, s statement, has sample.Needs, r rule) (rule, []string, error) {
	words, condition := haproxyfile.CutCondition(s.args[1:])
	called, _, _ := strings.Cut(s.args[0], ",")
	if len(words) == 0 {
		return r, nil, fmt.Errorf("missing fetch method after %s", called)
	}
	if len(words) != 1 {
		return r, nil, fmt.Errorf("expects one expression after %s, and has %d words", called, len(words))
	}
	e, err := t.computed(words[0], &r)
	if err != nil {
		return r, nil, unavailable(err)
	}
	if w := e.Warning(); w != "" {
		t.warnf(s.Pos, "'%s': %s", called, w)
	}
	if lacks := e.Needs() &^ has; lacks != 0 {
		return r, nil, fmt.Errorf("fetch method '%s' extracts information from '%s', none of which is available here", called, lacks)
	}
	t.addExpressionQuestions(p, s.Pos, sampleFetch, s.keyword[:strings.LastIndexByte(s.keyword, ' ')]+" expression", e.Questions())
	return r, condition, nil
}

// computed reads the value of a variable, according to the rule's action.
func (t *translation) computed(text string, r *rule) (e computed, err error) {
	if r.action == "set_var_format" {
		r.value, e, err = t.readFormat(t.loader, text)
	} else {
		r.value, e, err = t.readExpression(t.loader, text)
	}
	return e, err
}

// readFormat reads a log format. It also returns its text with absolute file names.
func (t *translation) readFormat(loader *sample.Loader, text string) (string, *sample.Format, error) {
	text, err := sample.RewriteFormatFiles(text, t.absoluteFile)
	if err != nil {
		return "", nil, err
	}
	f, err := loader.Format(text)
	return text, f, err
}

// readExpression reads an expression. It also returns its text with absolute file names.
func (t *translation) readExpression(loader *sample.Loader, text string) (string, *sample.Expression, error) {
	text, err := sample.RewriteFiles(text, t.absoluteFile)
	if err != nil {
		return "", nil, err
	}
	e, err := loader.Expression(text)
	return text, e, err
}

// parseVariable reads the variable in the parentheses of set-var, as "sess.name)".
func parseVariable(text string) (string, error) {
	text, ok := strings.CutSuffix(text, ")")
	if !ok {
		return "", errors.New("expects 'set-var(<var-name>)', such as set-var(sess.sni)")
	}
	name, conditions, _ := strings.Cut(text, ",")
	if conditions != "" {
		return "", fmt.Errorf("conditions of variables ('%s') are not available yet", conditions)
	}
	if rules.ValidateVar(name) != nil {
		return "", fmt.Errorf("invalid variable name '%s': expected a scope of 'proc', 'sess', 'txn' or 'req' and a name of letters, digits, '_' and '.', such as sess.sni", name)
	}
	return name, nil
}
