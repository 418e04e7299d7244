// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Priority is a connection's place in the queues of its backend, which rules set. Connections of a
// lower class are served first; within a class, they are served as if they had come Offset
// milliseconds later.
type Priority struct {
	Class  int16
	Offset int32
}

// The limits of priorities, as in HAProxy: both signs.
const (
	MaxPriorityClass  = 2047
	MaxPriorityOffset = 524287
)

// priorityLimit returns the highest value that a rule may set.
func priorityLimit(action Action) int64 {
	if action == setPriorityClass {
		return MaxPriorityClass
	}
	return MaxPriorityOffset
}

// CompilePriority compiles the value of set_priority_class or set_priority_offset: a number or an
// expression.
func CompilePriority(loader *sample.Loader, action, value string) (*sample.Expression, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return loader.Expression(value)
	}
	if most := priorityLimit(actions[action]); n < -most || n > most {
		return nil, fmt.Errorf("%d: expected a number from %d to %d, or an expression", n, -most, most)
	}
	return loader.Expression("int(" + value + ")")
}

// Set sets the class or the offset, as far as it may go, if the expression has a value.
func (p *Priority) Set(action string, value sample.Value) {
	p.set(actions[action], value)
}

func (p *Priority) set(action Action, value sample.Value) {
	n, ok := value.AsInteger()
	if !ok {
		return
	}
	most := priorityLimit(action)
	n = min(max(n, -most), most)
	if action == setPriorityClass {
		p.Class = int16(n)
	} else {
		p.Offset = int32(n)
	}
}

// setPriority performs the action.
func (r *Rule) setPriority(v *View) {
	in := v.Input
	in.Final = true // as for set_var
	if value, verdict := r.value.Eval(&in); verdict == sample.Pass && v.Priority != nil {
		v.Priority.set(r.action, value)
	}
}
