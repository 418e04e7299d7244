// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
)

// Choice is a route of a frontend with the connections that took it.
type Choice struct {
	// List is site, rule, default_backend or on; others stands for the routes that are not counted one
	// by one, of which there are Number. Otherwise Number is the position in the list, from 1.
	List   string
	Number int
	// Rule, When and Place describe it as those of a step do.
	Rule, When, Place string
	// To are the backends. Without one, the connections were ended or passed on, and Ended counts
	// them.
	To    []ChoiceCount
	Ended ChoiceCount
}

// ChoiceCount counts the connections that a route sent to a backend.
type ChoiceCount struct {
	Backend string
	Total   int64
	// Rate is about the number in the last second.
	Rate int
}

func newChoiceCount(backend string, m *frequency.Meter, now time.Time) ChoiceCount {
	c := ChoiceCount{Backend: backend}
	if m != nil {
		c.Total, c.Rate = m.Total(), m.PerSecond(now)
	}
	return c
}

// Choices returns the choices of a frontend of the configuration that runs. The error is
// ErrNoFrontend.
func Choices(name string) ([]Choice, error) {
	f, err := running(name)
	if err != nil {
		return nil, err
	}
	return f.Choices(), nil
}

// Choices returns the choices of the frontend, in the order in which they are tried, those after
// the first 1024 together. The counts begin with the process, or with the first configuration that
// has the route.
func (f *Frontend) Choices() (all []Choice) {
	r, now := f.Router, time.Now()
	for i, route := range r.routes[:min(len(r.routes), maxChoices)] {
		s := r.step(i)
		w := Choice{List: s.List, Number: s.Number, Rule: s.Rule, When: s.Condition.String(), Place: s.Origin}
		w.To, w.Ended = route.Target.counts(now)
		all = append(all, w)
	}
	if more := len(r.routes) - maxChoices; more > 0 || f.choices.others.Total() > 0 {
		all = append(all, Choice{List: "others", Number: max(0, more), To: []ChoiceCount{newChoiceCount("", &f.choices.others, now)}})
	}
	if r.Default != nil {
		all = append(all, Choice{List: "default_backend", Rule: r.Default.Name(), To: []ChoiceCount{newChoiceCount(r.Default.Name(), r.defaults, now)}})
	}
	return append(all, f.outcomeChoices(now)...)
}

// counts returns those of the target, by backend, or of the connections that it ended.
func (t *Target) counts(now time.Time) (to []ChoiceCount, ended ChoiceCount) {
	if t.refuses {
		return nil, newChoiceCount("", t.meterOf(0), now)
	}
	for i, b := range t.backends {
		to = append(to, newChoiceCount(b.Name(), t.meterOf(i), now))
	}
	for b, m := range t.named {
		if m.Total() > 0 {
			to = append(to, newChoiceCount(b.Name(), m, now))
		}
	}
	if t.named != nil {
		slices.SortFunc(to, func(a, b ChoiceCount) int { return cmp.Compare(a.Backend, b.Backend) })
	}
	return to, ended
}

// outcomeChoices returns the choices for connections for which no route decided, if there were any.
func (f *Frontend) outcomeChoices(now time.Time) (all []Choice) {
	for why, m := range f.outcomes {
		if m.Total() == 0 {
			continue
		}
		w := Choice{List: "on", Rule: "on " + Reason(why).String() + " " + f.Actions[why].String()}
		if a := f.Actions[why]; a.Verb == UseBackend {
			w.To = []ChoiceCount{newChoiceCount(a.Backend.Name(), m, now)}
		} else {
			w.Ended = newChoiceCount("", m, now)
		}
		all = append(all, w)
	}
	return all
}
