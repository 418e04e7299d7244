// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// SharedScope is the prefix of variables that all connections share.
const SharedScope = "proc."

// Variable is a variable that all connections share.
type Variable struct {
	// Name is the name: proc., and letters, digits, _ and dots.
	Name string `json:"name"`

	// Value is a sample expression without a connection, such as str(www) or int(5).
	Value string `json:"value"`
}

// Variable returns a shared variable, and whether it is set.
func (a *App) Variable(name string) (sample.Value, bool) {
	v, ok := a.variables.Load(name)
	if !ok {
		return sample.Value{}, false
	}
	return v.(sample.Value), true
}

// SetVariable sets a shared variable; the zero value deletes it.
func (a *App) SetVariable(name string, v sample.Value) {
	if v.Kind() == sample.None {
		a.variables.Delete(name)
		return
	}
	a.variables.Store(name, v.Clone())
}

// Loader returns a loader of expressions for the app's configuration. It must be called while Caddy
// provisions.
func (a *App) Loader() *sample.Loader { return patternfiles.Loader(a.ctx) }

func (a *App) computeVariables() error {
	for i, one := range a.Variables {
		if err := validateShared(one.Name); err != nil {
			return fmt.Errorf("variables: %d: %w", i+1, err)
		}
		e, err := a.Loader().Expression(one.Value)
		if err != nil {
			return fmt.Errorf("variables: %s: %w", one.Name, err)
		}
		if v, verdict := e.Eval(&sample.Input{Final: true, Var: a.Variable}); verdict == sample.Pass {
			a.SetVariable(one.Name, v)
		}
	}
	return nil
}

func validateShared(name string) error {
	if err := rules.ValidateVar(name); err != nil {
		return err
	}
	if !strings.HasPrefix(name, SharedScope) {
		return fmt.Errorf("variable %q: expected the scope proc: there is no connection yet", name)
	}
	return nil
}

// parseVariable parses "set_var <name> <expression>".
func (a *App) parseVariable(d *caddyfile.Dispenser) error {
	var name, expression string
	if !d.Args(&name, &expression) || d.NextArg() {
		return d.Err("expected set_var NAME EXPRESSION")
	}
	if err := validateShared(name); err != nil {
		return d.WrapErr(err)
	}
	if _, err := new(sample.Loader).Expression(expression); err != nil {
		return d.Errf("set_var %s: %w", name, err)
	}
	a.Variables = append(a.Variables, Variable{name, expression})
	return nil
}
