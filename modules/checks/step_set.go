// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// SetVar sets a variable. It is HAProxy's tcp-check set-var and set-var-fmt.
type SetVar struct {
	// Var is the name of the variable: check. or sess. followed by letters, digits, "_" and ".". It
	// lasts as long as the check does.
	Var string `json:"var"`

	// Value is an expression, such as res.payload(0,4). If it has no value, the variable stays as it
	// is.
	Value string `json:"value,omitempty"`

	// Format is a format to use instead of Value.
	Format string `json:"format,omitempty"`

	value  *sample.Expression
	format *sample.Format
}

// validateVariable returns an error for an invalid name of a variable.
func validateVariable(name string) error {
	_, err := expressionLoader().Expression("var(" + name + ")")
	if err == nil && !hasCheckScope(name) {
		err = errors.New("expected a scope of check or sess")
	}
	if err != nil {
		return fmt.Errorf("variable %q: %w: expected a name such as check.port", name, err)
	}
	return nil
}

func (v *SetVar) provision() (err error) {
	if err := validateVariable(v.Var); err != nil {
		return fmt.Errorf("set: %w", err)
	}
	if (v.Value == "") == (v.Format == "") {
		return fmt.Errorf("set %s: expected value or format", v.Var)
	}
	if v.Format != "" {
		v.format, err = compileFormat("set: format", v.Format)
		return err
	}
	if v.value, err = expressionLoader().Expression(v.Value); err != nil {
		return fmt.Errorf("set: value %q: %w", v.Value, err)
	}
	return nil
}

// parseSet parses VAR, then value EXPRESSION or format FORMAT.
func (s *Step) parseSet(d *caddyfile.Dispenser) (err error) {
	s.Set = new(SetVar)
	if s.Set.Var, err = options.Arg(d); err != nil {
		return err
	}
	return options.Table{"value": options.Text(&s.Set.Value), "format": options.Escaped(&s.Set.Format)}.ParseLine(d)
}

func (s *Step) parseUnset(d *caddyfile.Dispenser) (err error) {
	s.Unset, err = options.Arg(d)
	return err
}
