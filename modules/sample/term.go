// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
)

// Opposite turns Pass into Fail and Fail into Pass; Miss stays Miss.
func (v Verdict) Opposite() Verdict {
	switch v {
	case Pass:
		return Fail
	case Fail:
		return Pass
	default:
		return v
	}
}

// A Term is an ACL, named or anonymous, or several ACLs of one name, possibly negated.
type Term struct {
	// Name is the name of the ACL, for readers of the configuration only.
	Name string `json:"name,omitempty"`

	// Not negates the term. It is HAProxy's "!".
	Not bool `json:"not,omitempty"`

	// Any are criteria, one of which must match. Required.
	Any []Criterion `json:"any"`

	acls []*ACL
}

// Load loads the criteria. It must be called before any other method. A loaded term is safe for
// concurrent use.
func (t *Term) Load(l *Loader) error {
	if len(t.Any) == 0 {
		return errors.New("term without criteria: expected at least one in any")
	}
	t.acls = make([]*ACL, len(t.Any))
	for i, c := range t.Any {
		var err error
		if t.acls[i], err = l.Criterion(c); err != nil {
			return err
		}
	}
	return nil
}

// ACLs returns the loaded criteria in the order of Any.
func (t *Term) ACLs() []*ACL { return t.acls }

// Match returns the best verdict of the criteria, negated with Not.
func (t *Term) Match(in *Input) Verdict {
	best := Fail
	for i, acl := range t.acls {
		verdict := acl.Match(in)
		if in.Trace != nil {
			in.Trace.done(&t.Any[i], verdict)
		}
		if best = max(best, verdict); best == Pass {
			break
		}
	}
	if t.Not {
		return best.Opposite()
	}
	return best
}

// A Condition is the condition after HAProxy's if or unless. It is evaluated on final inputs.
type Condition struct {
	// Unless negates the condition.
	Unless bool `json:"unless,omitempty"`

	// Any are groups of terms. All terms of one of the groups must match.
	Any [][]Term `json:"any"`
}

// Load loads the terms, as [Term.Load] does.
func (c *Condition) Load(l *Loader) error {
	for _, group := range c.Any {
		for i := range group {
			err := group[i].Load(l)
			if name := group[i].Name; err != nil && name != "" {
				err = fmt.Errorf("term %q: %w", name, err)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Match reports whether the condition holds for a final input.
func (c *Condition) Match(in *Input) bool {
	for _, group := range c.Any {
		if allPass(group, in) {
			return !c.Unless
		}
	}
	return c.Unless
}

func allPass(group []Term, in *Input) bool {
	for i := range group {
		if group[i].Match(in) != Pass {
			return false
		}
	}
	return true
}

// Questions returns the queries that the condition makes to a [State]; see [Expression.Questions].
func (c *Condition) Questions() (all []Question) {
	for _, group := range c.Any {
		for i := range group {
			for _, acl := range group[i].acls {
				all = append(all, acl.Questions()...)
			}
		}
	}
	return all
}
