// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
)

// A Term is an ACL that HAProxy's fetch acl() names, or its opposite.
type Term struct {
	// Name is that of the ACL, for readers.
	Name string `json:"name,omitempty"`
	// Not has the term be true where it would be false.
	Not bool `json:"not,omitempty"`
	// Any are the criteria of the ACL, one of which must be true.
	Any []Criterion `json:"any"`

	acls []*ACL
}

// allOf loads a criterion that is true if all of its terms are.
func (l *Loader) allOf(c Criterion) (*ACL, error) {
	if c.Method != "" || len(c.Values) > 0 || len(c.Files) > 0 || c.IgnoreCase {
		return nil, &Unsupported{"'" + c.Fetch + "' with a method or patterns", "it is true or false by itself"}
	}
	a := &ACL{expression: &Expression{name: c.Fetch, out: typeBool}}
	e := a.expression
	for _, t := range c.All {
		if t == nil || len(t.Any) == 0 {
			return nil, errors.New("all: expected at least one criterion in any of each term")
		}
		compiled := Term{Not: t.Not}
		for _, c := range t.Any {
			one, err := l.Criterion(c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.Name, err)
			}
			compiled.acls = append(compiled.acls, one)
			e.needs |= one.expression.needs
			e.questions = append(e.questions, one.expression.questions...)
			e.stage = max(e.stage, one.expression.stage)
		}
		a.all = append(a.all, compiled)
	}
	return a, nil
}

// matchAll is Pass if all terms are true. It never waits: what is not known yet is not
// true, as in HAProxy.
func (a *ACL) matchAll(in *Input) Verdict {
	for i := range a.all {
		best := Fail
		for _, acl := range a.all[i].acls {
			if best = max(best, acl.Match(in)); best == Pass {
				break
			}
		}
		if best == Miss || (best == Pass) == a.all[i].Not {
			return Fail
		}
	}
	return Pass
}
