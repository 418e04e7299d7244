// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// MaxCounters is the largest number of counters that connections can have, as in HAProxy.
const MaxCounters = 100

// MaxElements is the largest number of elements of gpc and gpt, as in HAProxy.
const MaxElements = 100

// Tracker lets a counter of a connection track the entry of a key, unless the table is full. The
// counter must not track one yet.
type Tracker interface {
	Track(counter int, t *tables.Table, key []byte)
}

// isTracking reports whether the action is about what the connection tracks.
func (a Action) isTracking() bool { return a >= track && a <= scSetGPT0 }

// hasIndex reports whether the action is about an element of an array.
func (a Action) hasIndex() bool { return a == scIncGPC || a == scAddGPC || a == scSetGPT }

// hasNumber reports whether the action has a number, or an expression in place of it.
func (a Action) hasNumber() bool { return a == scAddGPC || a == scSetGPT || a == scSetGPT0 }

// entryValue returns the value of an entry that the action changes.
func (a Action) entryValue(index int) sample.EntryValue {
	switch a {
	case scIncGPC0:
		return sample.EntryValue{Data: tables.GPC0, Is: true}
	case scIncGPC1:
		return sample.EntryValue{Data: tables.GPC1, Is: true}
	case scIncGPC, scAddGPC:
		return sample.EntryValue{Data: tables.GPC, Index: index, Is: true}
	case scSetGPT0:
		return sample.EntryValue{Data: tables.GPT0, Is: true}
	case scSetGPT:
		return sample.EntryValue{Data: tables.GPT, Index: index, Is: true}
	default:
		return sample.EntryValue{}
	}
}

// Tracks returns the table of an action track, "" for that of the section, and its counter.
func (r *Rule) Tracks() (table string, counter int, ok bool) {
	return r.Table, r.Counter, r.action == track
}

// validateTracking validates the fields of actions about what the connection tracks.
func (r *Rule) validateTracking(action Action) error {
	switch {
	case r.Var != "":
		return fmt.Errorf("action %s has a var: expected none", r.Action)
	case r.Counter < 0 || r.Counter >= MaxCounters:
		return fmt.Errorf("%s: counter %d: expected a number from 0 to %d", r.Action, r.Counter, MaxCounters-1)
	case r.Index != 0 && !action.hasIndex():
		return fmt.Errorf("action %s has an index: expected none", r.Action)
	case r.Index < 0 || r.Index >= MaxElements:
		return fmt.Errorf("%s: index %d: expected a number from 0 to %d", r.Action, r.Index, MaxElements-1)
	case action == track && r.Key == "":
		return errors.New("track has no key: expected an expression such as src")
	case action != track && (r.Key != "" || r.Table != ""):
		return fmt.Errorf("action %s has a key or a table: expected neither: it is about what the counter tracks", r.Action)
	case action.hasNumber() && r.Value == "":
		return fmt.Errorf("%s has no value: expected a number, or an expression such as src_port", r.Action)
	case !action.hasNumber() && r.Value != "":
		return fmt.Errorf("action %s has a value: expected none", r.Action)
	}
	return nil
}

// validateNotTracking returns an error if another action has a field of those about tracking.
func (r *Rule) validateNotTracking() error {
	if r.Counter != 0 || r.Index != 0 || r.Key != "" || r.Table != "" {
		return fmt.Errorf("action %s has a counter, an index, a key or a table: expected none", r.Action)
	}
	if actions[r.Action] != doResolve && (r.Resolvers != "" || r.Prefer != "") {
		return fmt.Errorf("action %s has resolvers or prefer: expected neither", r.Action)
	}
	return nil
}

// compileTracking compiles the key of track, or the value of an action with a number. A number
// needs no expression.
func (r *Rule) compileTracking(action Action, loader *sample.Loader) (*sample.Expression, error) {
	text := r.Value
	if action == track {
		text = r.Key
	}
	if _, err := strconv.ParseInt(text, 10, 64); text == "" || err == nil && action.hasNumber() {
		return nil, nil //nolint:nilnil // it needs none
	}
	e, err := loader.Expression(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Action, err)
	}
	return e, nil
}

// counts reports whether evaluating the rule once more changes a counter once more. Tracking an
// entry does not.
func (r *Rule) counts() bool {
	return r.action >= scIncGPC && r.action <= scAddGPC || r.condition.Changes() || r.value != nil && r.value.Changes() || r.format != nil && r.format.Changes()
}

// Counts reports whether evaluating the rules once more may change a counter once more.
func (c *Config) Counts() bool { return slices.ContainsFunc(c.Rules, (*Rule).counts) }

// KeyOf reports whether the rule's key, if it has one, can be one of a table.
func (r *Rule) KeyOf(c tables.Config) bool { return r.action != track || r.value.KeyOf(c.Type) }

// trackEntry makes the counter track the entry of the key. The first rule of a counter that has a
// key decides. It reports whether it waits for the key.
func (r *Rule) trackEntry(v *View) (waits bool) {
	if v.Tables == nil || !v.Tables.Tracked(r.Counter).IsZero() {
		return false
	}
	value, verdict := r.value.Eval(&v.Input)
	table := v.Tables.Table(r.Table)
	if verdict != sample.Pass || table == nil {
		return verdict == sample.Miss
	}
	if key, ok := value.Key(table.Config()); ok {
		v.Tracker.Track(r.Counter, table, key)
	}
	return false
}

// count changes a general counter or a tag of the entry that the counter tracks.
func (r *Rule) count(v *View) {
	if v.Tables == nil {
		return
	}
	entry := v.Tables.Tracked(r.Counter)
	n, ok := r.amount(v)
	if entry.IsZero() || !ok {
		return
	}
	entry.Do(func(row tables.Row) {
		switch r.action {
		case scSetGPT:
			row.Set(tables.GPT, r.Index, n)
		case scSetGPT0:
			row.Set(tables.GPT0, 0, n)
		case scIncGPC0:
			row.Add(tables.GPC0Rate, 0, 1)
			row.Add(tables.GPC0, 0, 1)
		case scIncGPC1:
			row.Add(tables.GPC1Rate, 0, 1)
			row.Add(tables.GPC1, 0, 1)
		default:
			row.Add(tables.GPCRate, r.Index, n)
			row.Add(tables.GPC, r.Index, n)
		}
	})
}

// amount returns the number of the rule, which is 1 for those without a value. ok is false if its
// expression has none.
func (r *Rule) amount(v *View) (n int64, ok bool) {
	switch {
	case !r.action.hasNumber():
		return 1, true
	case r.value == nil:
		n, err := strconv.ParseInt(r.Value, 10, 64)
		return int64(uint32(n)), err == nil
	}
	in := v.Input
	in.Final = true
	value, verdict := r.value.Eval(&in)
	if verdict != sample.Pass {
		return 0, false
	}
	n, ok = value.AsInteger()
	return int64(uint32(n)), ok
}
