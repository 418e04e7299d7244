// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

// validate validates the action, its variable and its value.
func (r *Rule) validate() error {
	action, known := actions[r.Action]
	switch {
	case r.Action == "":
		return errNoAction
	case !known:
		return fmt.Errorf("unknown action %q%s", r.Action, options.Suggest(r.Action, slices.Collect(maps.Keys(actions))))
	}
	if action.isTracking() {
		return r.validateTracking(action)
	}
	if err := r.validateNotTracking(); err != nil {
		return err
	}
	switch action {
	case setDst, setDstPort:
		if r.Var != "" || r.Value == "" {
			return fmt.Errorf("action %s: expected a value, an expression such as %s, and no var", r.Action, valueExamples[action])
		}
		return nil
	case setVar, setVarFormat, doResolve:
		if err := options.ValidateWord("prefer", r.Prefer, families); err != nil {
			return err
		}
		if r.Value == "" {
			return fmt.Errorf("%s %s has no value: expected %s", r.Action, r.Var, valueExamples[action])
		}
	case unsetVar:
		if r.Value != "" {
			return fmt.Errorf("unset_var %s has a value: expected none", r.Var)
		}
	case setLogLevel:
		if r.Var != "" || !slices.Contains(logLevels, r.Value) {
			return fmt.Errorf("set_log_level: level %q: expected one of %s", r.Value, strings.Join(logLevels, ", "))
		}
		return nil
	case setPriorityClass, setPriorityOffset:
		if r.Var != "" || r.Value == "" {
			return fmt.Errorf("action %s: expected a value, a number or an expression, and no var", r.Action)
		}
		return nil
	default:
		if r.Var != "" || r.Value != "" {
			return fmt.Errorf("action %s has a var or a value: expected neither", r.Action)
		}
		if action == expectProxy && len(r.MatcherSetsRaw)+len(r.UnlessRaw) == 0 {
			return errors.New("action expect_proxy has no match: expected a matcher that names the sources of PROXY headers")
		}
		return nil
	}
	return ValidateVar(r.Var)
}

// logLevels are the values of set_log_level.
var logLevels = append(slices.Clone(syslog.Severities), "silent")

// valueExamples are examples for messages about a missing value.
var valueExamples = map[Action]string{
	setVar:       "an expression such as req.ssl_sni,lower",
	setDst:       "var(sess.ip)",
	setDstPort:   "int(443)",
	doResolve:    "an expression such as req.ssl_sni,lower",
	setVarFormat: "a text such as %[src]:%[src_port]",
}

var variable = regexp.MustCompile(`^(proc|sess|txn|req)\.[A-Za-z0-9_.]+$`)

// ValidateVar returns an error if the name is not that of a variable that rules may set.
func ValidateVar(name string) error {
	if !variable.MatchString(name) {
		return fmt.Errorf("variable %q: expected a scope (proc, sess, txn or req), a dot, and letters, digits, _ and dots", name)
	}
	return nil
}
