// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"iter"
)

// An Expression is a fetch and the converters after it. It is immutable and safe for concurrent use.
type Expression struct {
	name       string // of the fetch, as it was written
	sample     fetchFunc
	converters []converterCall
	out        valueType
	needs      Needs
	alpn       bool // as of the fetch
	questions  []Question

	aclMethod       string // how an ACL compares by default; this and the next two as of the fetch
	stage           stage
	eachValue       func(*Input) iter.Seq[Value]
	suppressWarning bool // that it always has the same value needs no warning
}

// A converterCall is a converter with its arguments.
type converterCall struct {
	in      valueType
	convert convertFunc
}

// Expression reads an expression: fetch[(arguments)][,converter[(arguments)]]..., with HAProxy's quoting in the
// arguments. Errors are in its words; what it knows and this package does not is an [*Unsupported].
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

// An expressionEnd is where an expression ends, and what was last before it.
type expressionEnd struct {
	at   int
	last string
}

// readExpression reads an expression that begins at a position of the text, and may end anywhere.
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
	if e.sample, err = f.build(list); err != nil {
		return nil, expressionEnd{}, fmt.Errorf("invalid args in fetch method '%s' : %w", name, err)
	}
	last := "fetch keyword '" + name + "'"
	for end < len(text) && text[end] == ',' {
		// HAProxy takes several commas for one, and those at the end for none.
		for end < len(text) && text[end] == ',' {
			end++
		}
		if end == len(text) {
			break
		}
		if name, end, err = l.readStep(e, text, end); err != nil {
			return nil, expressionEnd{}, err
		}
		last = "converter '" + name + "'"
	}
	return e, expressionEnd{end, last}, nil
}

// readStep reads a converter that begins at a position, and returns its name and where it ends.
func (l *Loader) readStep(e *Expression, text string, at int) (name string, end int, err error) {
	end = nameEnd(text, at)
	name = text[at:end]
	c, err := findConverter(name)
	if err != nil {
		return name, end, err
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
	e.converters = append(e.converters, converterCall{c.in, convert})
	e.out = c.out
	return name, end, nil
}

// NeedsRequest tells whether the expression looks at the bytes that the client sends, or waits for their end.
func (e *Expression) NeedsRequest() bool {
	return e.needs&NeedsRequest != 0
}

// Needs tells what there must be for the expression to have a value.
func (e *Expression) Needs() Needs {
	return e.needs
}

// Questions returns what the expression asks a [State]. The objects that they name must exist, which is for the caller
// to check: without them the expression has no value.
func (e *Expression) Questions() []Question {
	return e.questions
}

// InRequest tells whether the expression looks at a request over HTTP, which is gone when its response has come.
func (e *Expression) InRequest() bool { return e.stage == inRequest }

// InResponse tells whether the expression looks at a response over HTTP.
func (e *Expression) InResponse() bool { return e.stage == inResponse }

// Warning says why the expression never has a value, or always the same; empty if it may have one.
func (e *Expression) Warning() string {
	if e.suppressWarning {
		return ""
	}
	return terminationWarning(e.name)
}

// Eval computes the expression: Pass with the value, or Fail if there is none and none will come. Miss says that more
// bytes may bring one, or may change the one that is returned, as they do the one of req.len. The value may be a view
// of the client's bytes; see [Value].
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

// convert applies the converters to what the fetch has found.
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
