// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Rule does something with the connections that it applies to.
type Rule struct {
	// Action is what the rule does: accept (go on without the rules after this
	// one), close (HAProxy's reject: the client is told nothing more than that),
	// reset, drop (HAProxy's silent-drop: the client is told nothing at all),
	// reject (a TLS alert where the client spoke TLS, then close), set_var,
	// set_var_format and unset_var (then the rules after this one are tried).
	Action string `json:"action"`

	// Var is the name of the variable that set_var sets and unset_var forgets: a
	// scope and a name, such as sess.sni. With one of the scopes sess, txn and req
	// it lasts as long as the connection, and as a placeholder it is
	// {l4.vars.sess.sni}; with proc all connections share it.
	Var string `json:"var,omitempty"`

	// Value is the sample expression that set_var evaluates, such as
	// "req.ssl_sni,lower". Where it has no value the variable stays what it was:
	// set_var itself does not wait. Of set_var_format it is a text with such
	// expressions, as "%[src]:%[src_port]"; one without a value adds nothing.
	Value string `json:"value,omitempty"`

	// MatcherSetsRaw are sets of layer4 matchers: all of a set must match, and
	// one set is enough. Without any, and without unless, the rule always
	// applies.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// UnlessRaw is the opposite of match, in place of it: the rule applies
	// unless one of the sets matches.
	UnlessRaw []caddy.ModuleMap `json:"unless,omitempty" caddy:"namespace=layer4.matchers"`

	// Origin is where the rule comes from and how it reads there, where a
	// configuration is made from a file of another kind: "haproxy.cfg:17:
	// tcp-request content reject". It is for the log alone.
	Origin string `json:"origin,omitempty"`

	number    int // in its list, from 1
	action    Action
	value     *sample.Expression // of set_var
	format    *sample.Format     // of set_var_format
	condition Condition
}

// Called returns how the log names the rule, which is one of the kind given:
// "content rule 2: reject", or its origin.
func (r *Rule) Called(kind string) string {
	if r.Origin != "" {
		return r.Origin
	}
	return fmt.Sprintf("%s rule %d: %s", kind, r.number, r.Action)
}

// Action is what is to be done with a connection.
type Action uint8

// The actions of rules that end the inspection, and Wait.
const (
	Wait   Action = iota // for more to see: a rule cannot be decided
	Accept               // go on
	Close
	Reset  // with RST
	Drop   // without a word
	Reject // with a TLS alert where the client spoke TLS
	setVar
	setVarFormat
	unsetVar
)

var actions = map[string]Action{
	"accept":  Accept,
	"close":   Close,
	"reset":   Reset,
	"drop":    Drop,
	"reject":  Reject,
	"set_var": setVar,

	"set_var_format": setVarFormat,

	"unset_var": unsetVar,
}

func (r *Rule) provision(ctx caddy.Context, loader *sample.Loader) (err error) {
	if err := r.check(); err != nil {
		return err
	}
	r.action = actions[r.Action]
	switch r.action {
	case setVar:
		r.value, err = loader.Expression(r.Value)
	case setVarFormat:
		r.format, err = loader.Format(r.Value)
	default:
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.Action, r.Var, err)
	}
	r.condition, err = LoadCondition(ctx, r, r.MatcherSetsRaw, r.UnlessRaw)
	return err
}

// check says what is wrong with the action and what it is done with.
func (r *Rule) check() error {
	action, known := actions[r.Action]
	switch {
	case r.Action == "":
		return errNoAction
	case !known:
		return fmt.Errorf("unknown action %q%s", r.Action, options.Suggest(r.Action, slices.Collect(maps.Keys(actions))))
	case action != setVar && action != setVarFormat && action != unsetVar:
		if r.Var != "" || r.Value != "" {
			return fmt.Errorf("action %s has a var or a value: expected neither", r.Action)
		}
		return nil
	case action == unsetVar && r.Value != "":
		return fmt.Errorf("unset_var %s has a value: expected none", r.Var)
	case action == setVarFormat && r.Value == "":
		return fmt.Errorf("set_var_format %s has no value: expected a text such as %%[src]:%%[src_port]", r.Var)
	case action == setVar && r.Value == "":
		return fmt.Errorf("set_var %s has no value: expected an expression such as req.ssl_sni,lower", r.Var)
	default:
		return CheckVar(r.Var)
	}
}

var variable = regexp.MustCompile(`^(proc|sess|txn|req)\.[A-Za-z0-9_.]+$`)

// CheckVar says what is wrong with the name of a variable that rules may set.
func CheckVar(name string) error {
	if !variable.MatchString(name) {
		return fmt.Errorf("variable %q: expected a scope (proc, sess, txn or req), a dot, and letters, digits, _ and dots", name)
	}
	return nil
}

// NeedsRequest reports whether anything that the client sends is looked at. It
// can be called after Config.Provision.
func (r *Rule) NeedsRequest() bool {
	return r.condition.NeedsRequest() || r.value != nil && r.value.NeedsRequest() || r.format != nil && r.format.NeedsRequest()
}

// Questions returns what the rule asks about the process; see sample.Expression.
func (r *Rule) Questions() []sample.Question {
	all := r.condition.Questions()
	if r.value != nil {
		all = append(all, r.value.Questions()...)
	}
	if r.format != nil {
		all = append(all, r.format.Questions()...)
	}
	return all
}

// do does what the rule is for, and reports whether that ends the inspection.
func (r *Rule) do(v *View) (ends bool) {
	switch r.action {
	case setVar:
		// As if nothing more came, or else it could never be set before a rule
		// that waits. When more has come it is set again.
		in := v.Input
		in.Final = true
		if value, verdict := r.value.Eval(&in); verdict == sample.Pass {
			v.SetVar(r.Var, value)
		}
		return false
	case setVarFormat:
		v.SetVar(r.Var, sample.Text(r.format.String(&v.Input)))
		return false
	case unsetVar:
		v.SetVar(r.Var, sample.Value{})
		return false
	default:
		return true
	}
}
