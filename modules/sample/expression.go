// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// An Expression is a fetch and the converters after it. It is immutable and safe for concurrent
// use.
type Expression struct {
	name       string // of the fetch, as written
	sample     fetchFunc
	converters []converterCall
	out        valueType
	needs      Needs
	alpn       bool // as in fetch
	questions  []Question
	changes    bool
	tracked    bool

	aclMethod       string // an ACL's default method; this and the next two as in fetch
	stage           stage
	eachValue       func(*Input) iter.Seq[Value]
	suppressWarning bool // no warning about a constant value
}

// A converterCall is a converter with its arguments.
type converterCall struct {
	name    string
	in      valueType
	convert convertFunc
}

// Expression parses an expression: fetch[(arguments)][,converter[(arguments)]]..., with HAProxy's
// quoting in the arguments. Errors have HAProxy's text; for features that this package lacks, the
// error is an [*Unsupported].
func (l *Loader) Expression(text string) (*Expression, error) {
	e, end, err := l.readExpression(text, 0)
	if err != nil {
		return nil, err
	}
	if end.at < len(text) {
		return nil, fmt.Errorf("missing comma after %s", end.last)
	}
	return e, nil
}

// An expressionEnd is the position where an expression ends, and a description of its last keyword.
type expressionEnd struct {
	at   int
	last string
}

// readExpression parses an expression that starts at a position and may be followed by other text.
func (l *Loader) readExpression(text string, at int) (*Expression, expressionEnd, error) {
	end := nameEnd(text, at)
	name := text[at:end]
	if name == "" {
		return nil, expressionEnd{}, errors.New("missing fetch method")
	}
	f, err := l.fetch(name)
	if err != nil {
		return nil, expressionEnd{}, err
	}
	list, end, err := f.args.parse(text, end)
	if err != nil {
		return nil, expressionEnd{}, fmt.Errorf("fetch method '%s' : %w", name, err)
	}
	e := &Expression{name: name, out: f.out, needs: f.needs, alpn: f.alpn, aclMethod: f.aclMethod, stage: f.stage, suppressWarning: l.HTTP}
	if f.eachValue != nil && list.integer(1, 0) == 0 {
		e.eachValue = f.eachValue(list)
	}
	if f.query != nil {
		e.questions = append(e.questions, f.query(list))
	}
	e.changes, e.tracked = f.changes, f.tracked
	e.askForTable(name, f.table, f.value, list)
	if e.sample, err = f.build(list); err != nil {
		return nil, expressionEnd{}, fmt.Errorf("invalid args in fetch method '%s' : %w", name, err)
	}
	last, err := l.readConverters(e, text, end)
	if err != nil {
		return nil, expressionEnd{}, err
	}
	return e, last, nil
}

// readConverters parses the converters that start at a position, each after a comma.
func (l *Loader) readConverters(e *Expression, text string, at int) (expressionEnd, error) {
	end := expressionEnd{at, "fetch keyword '" + e.name + "'"}
	for end.at < len(text) && text[end.at] == ',' {
		// HAProxy treats several commas as one, and ignores commas at the end.
		end.at = len(text) - len(strings.TrimLeft(text[end.at:], ","))
		if end.at == len(text) {
			break
		}
		name, after, err := l.readStep(e, text, end.at)
		if err != nil {
			return end, err
		}
		end = expressionEnd{after, "converter '" + name + "'"}
	}
	return end, nil
}

// readStep parses a converter that starts at a position, and returns its name and its end.
func (l *Loader) readStep(e *Expression, text string, at int) (name string, end int, err error) {
	end = nameEnd(text, at)
	name = text[at:end]
	c, err := findConverter(name)
	if err != nil {
		return name, end, err
	}
	if c.table != nil && (l.HTTP || l.Checks) {
		return name, end, withoutTables("converter", name)
	}
	if !e.out.castsTo(c.in) {
		return name, end, fmt.Errorf("converter '%s' cannot be applied", name)
	}
	list, end, err := c.args.parse(text, end)
	if fault, ok := errors.AsType[*argError](err); ok {
		return name, end, fmt.Errorf("invalid arg %d in converter '%s' : %w", fault.position, name, err)
	}
	convert, err := c.build(l, list)
	if err != nil {
		return name, end, fmt.Errorf("invalid args in converter '%s' : %w", name, err)
	}
	e.changes = e.changes || c.changes
	e.askForTable(name, c.table, c.value, list)
	e.converters = append(e.converters, converterCall{name, c.in, convert})
	e.out = c.out
	return name, end, nil
}

// askForTable adds the stick table of a fetch or a converter to the questions, or else the entry
// that the connection tracks, with the value that it is about.
func (e *Expression) askForTable(name string, of func(args) (string, bool), value func(args) (counter, int), list args) {
	if of == nil {
		return
	}
	q := Question{Fetch: name, About: ObjectTable}
	table, named := of(list)
	q.Proxy = table
	if value != nil {
		c, counter := value(list)
		q.Value = EntryValue{c.data, c.index, true}
		if !named {
			q.About, q.Counter = ObjectEntry, counter
		}
	}
	if named || q.About == ObjectEntry {
		e.questions = append(e.questions, q)
	}
}

// NeedsRequest reports whether the expression examines bytes from the client, or waits for their
// end.
func (e *Expression) NeedsRequest() bool {
	return e.needs&NeedsRequest != 0
}

// Needs returns the data without which the expression has no value.
func (e *Expression) Needs() Needs {
	return e.needs
}

// Questions returns the queries that the expression makes to a [State]. The caller must check that
// the objects that they name exist: without them, the expression has no value.
func (e *Expression) Questions() []Question {
	return e.questions
}

// Changes reports whether evaluating the expression changes a counter, as sc0_inc_gpc0 does.
func (e *Expression) Changes() bool { return e.changes }

// Tracked reports whether the expression is about an entry that the connection tracks, as
// sc0_conn_cur is.
func (e *Expression) Tracked() bool { return e.tracked }

// Captured reports whether the expression is about what a rule has captured.
func (e *Expression) Captured() bool { return e.name == "capture.req.hdr" }

// InRequest reports whether the expression examines an HTTP request, which is gone when the
// response arrives.
func (e *Expression) InRequest() bool { return e.stage == inRequest }

// InResponse reports whether the expression examines an HTTP response.
func (e *Expression) InResponse() bool { return e.stage == inResponse }

// Warning explains why the expression never has a value or always the same; "" if neither is so.
func (e *Expression) Warning() string {
	if e.suppressWarning {
		return ""
	}
	return terminationWarning(e.name)
}

// Eval evaluates the expression. It returns Pass with the value, or Fail if the expression will
// never have one. Miss means that further bytes may bring a value, or may change the one returned,
// as with req.len. The value may be a view of the client's bytes; see [Value].
func (e *Expression) Eval(in *Input) (Value, Verdict) {
	s := e.convert(in, e.sample(in))
	switch {
	case s.mayChange && !in.Final:
		return s.value, Miss
	case s.found:
		return s.value, Pass
	}
	return Value{}, Fail
}

// convert applies the converters to the result of the fetch.
func (e *Expression) convert(in *Input, s result) result {
	if !s.found {
		return s
	}
	settled := in.Final || !s.mayChange
	for k := range e.converters {
		v, ok := cast(s.value, e.converters[k].in)
		if ok {
			v, ok = e.converters[k].convert(in, v, settled)
		}
		if !ok {
			s.value, s.found = Value{}, false
			return s
		}
		s.value = v
	}
	return s
}
