// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
)

// allOf loads a criterion that matches if all of its terms do.
func (l *Loader) allOf(c Criterion) (*ACL, error) {
	if c.Method != "" || len(c.Values) > 0 || len(c.Files) > 0 || c.IgnoreCase {
		return nil, &Unsupported{"'" + c.Fetch + "' with a method or patterns", "it is a boolean already"}
	}
	a := &ACL{expression: &Expression{name: c.Fetch, out: typeBool}}
	e := a.expression
	for _, t := range c.All {
		if t == nil || len(t.Any) == 0 {
			return nil, errors.New("all: expected at least one criterion in any of each term")
		}
		loaded := *t // the criterion may be loaded again concurrently
		if err := loaded.Load(l); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		for _, one := range loaded.acls {
			e.needs |= one.expression.needs
			e.changes, e.tracked = e.changes || one.expression.changes, e.tracked || one.expression.tracked
			e.questions = append(e.questions, one.expression.questions...)
			e.stage = max(e.stage, one.expression.stage)
		}
		a.all = append(a.all, loaded)
	}
	return a, nil
}

// matchAll returns Pass if all terms match, else Fail. It never waits: as in HAProxy, a term that
// is still unknown does not match.
func (a *ACL) matchAll(in *Input) Verdict {
	if allPass(a.all, in) {
		return Pass
	}
	return Fail
}
