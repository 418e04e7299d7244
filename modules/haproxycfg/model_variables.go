// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// sharedVariable reads "set-var NAME EXPRESSION" and "set-var-fmt NAME FORMAT" of global, which
// have no connection.
func sharedVariable(t *translation, _ *proxy, s statement) {
	if len(s.args) != 2 {
		t.errorf(s.Pos, "'%s' requires a process-wide variable name ('proc.<name>') and an expression, as words", s.keyword)
		return
	}
	name := s.args[0]
	if !strings.HasPrefix(name, balancer.SharedScope) || rules.ValidateVar(name) != nil {
		t.errorf(s.Pos, "'%s': cannot set variable '%s': expected 'proc.' and a name of letters, digits, '_' and '.', such as proc.limit", s.keyword, name)
		return
	}
	text, err := t.sharedValue(s.keyword, s.args[1])
	if err != nil {
		t.errorf(s.Pos, "'%s' '%s': %v", s.keyword, name, unavailable(err))
		return
	}
	t.variables = append(t.variables, balancer.Variable{Name: name, Value: text})
}

// sharedValue returns the expression of a variable.
func (t *translation) sharedValue(keyword, text string) (string, error) {
	if keyword == "set-var" {
		text, e, err := t.readExpression(t.loader, text)
		if err != nil {
			return "", err
		}
		return text, withoutConnection(e)
	}
	_, f, err := t.readFormat(t.loader, text)
	if err != nil {
		return "", err
	}
	return sample.TextExpression(f.String(&sample.Input{Var: t.shared})), withoutConnection(f)
}

// shared returns the value of a variable, as set by the lines before.
func (t *translation) shared(name string) (v sample.Value, set bool) {
	for _, one := range t.variables {
		if one.Name != name {
			continue
		}
		if e, err := t.loader.Expression(one.Value); err == nil {
			var verdict sample.Verdict
			v, verdict = e.Eval(new(sample.Input))
			set = verdict == sample.Pass
		}
	}
	return v, set
}

func withoutConnection(c computed) error {
	switch {
	case c.Needs() != 0:
		return fmt.Errorf("it extracts information from '%s', none of which is available here", c.Needs())
	case len(c.Questions()) > 0:
		return errors.New("it asks for the state of the process, which is not there before it runs")
	}
	return nil
}
