// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
)

// Opposite turns Pass into Fail and Fail into Pass; what is not known stays so.
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

// A Term is one question: an ACL of HAProxy, named or anonymous, or what several ACLs of one name ask together.
type Term struct {
	// Name is that of the ACL, for readers of the configuration.
	Name string `json:"name,omitempty"`

	// Not has the term be true where it would be false. It is HAProxy's "!".
	Not bool `json:"not,omitempty"`

	// Any are criteria, one of which must be true. Required.
	Any []Criterion `json:"any"`

	acls []*ACL
}

// Load loads the criteria. It must be called before the term is asked anything; a term that was loaded is safe for
// concurrent use.
func (t *Term) Load(l *Loader) error {
	if len(t.Any) == 0 {
		return errors.New("it asks nothing: expected at least one criterion in any")
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

// ACLs returns the criteria as they were loaded, in the order of Any.
func (t *Term) ACLs() []*ACL { return t.acls }

// Match returns the best of what the criteria say, or its opposite.
func (t *Term) Match(in *Input) Verdict {
	best := Fail
	for _, acl := range t.acls {
		if best = max(best, acl.Match(in)); best == Pass {
			break
		}
	}
	if t.Not {
		return best.Opposite()
	}
	return best
}

// A Condition is what stands after if or unless in HAProxy, for inputs that are final.
type Condition struct {
	// Unless has the condition be true where it would be false.
	Unless bool `json:"unless,omitempty"`

	// Any are groups, one of which must be true: all terms of it.
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

// Match reports whether the condition is true of a final input.
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

// Questions returns what the condition asks a [State]; see [Expression.Questions].
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
