// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
)

// An ACL is a criterion that was loaded: an expression and the patterns that its values are compared with. It is
// immutable and safe for concurrent use.
type ACL struct {
	expression *Expression
	expect     valueType
	tables     []table
	all        []Term // in place of a value of the expression
	warning    string
}

// Criterion loads a criterion. Errors are in HAProxy's words; what it knows and this package does not is an
// [*Unsupported].
func (l *Loader) Criterion(c Criterion) (*ACL, error) {
	if c.All != nil {
		return l.allOf(c)
	}
	if at := nameEnd(c.Fetch, 0); at > 0 {
		// This has words of its own for the most frequent of all mistakes.
		if unknown, ok := errors.AsType[*Unsupported](l.validateFetch(c.Fetch[:at])); ok {
			return nil, unknown
		}
	}
	if c.Method == "" && fetches[c.Fetch].isHTTPMethod {
		c.IgnoreCase = false
	}
	e, err := l.Expression(c.Fetch)
	if err != nil {
		return nil, fmt.Errorf("%w in ACL expression '%s'", err, c.Fetch)
	}
	name, err := e.method(c.Method)
	if err != nil {
		return nil, err
	}
	m := methodTable(name)
	a := &ACL{expression: e, expect: m.expect}
	for _, file := range c.Files {
		t, err := l.table(file, name, c.IgnoreCase, false)
		if err != nil {
			return nil, err
		}
		a.tables = append(a.tables, t)
	}
	t, err := valuesTable(name, m, c)
	if err != nil {
		return nil, err
	}
	a.tables = append(a.tables, t)
	if len(c.Values) == 0 && len(c.Files) == 0 && c.Method == "" && e.out != typeBool {
		a.warning = "no pattern to match against was provided for '" + c.Fetch + "', so this ACL will never match; " +
			"the method 'found' matches any value, and 'bool' any number but 0"
	}
	if warning := e.Warning(); warning != "" {
		a.warning = warning
	}
	return a, nil
}

// method returns the name of the method to use, and checks that it can be.
func (e *Expression) method(name string) (string, error) {
	if name == "" {
		name = defaultMethod(e.out)
		if len(e.converters) == 0 {
			name = e.keywordMethod(name)
		}
		if name == "" {
			return "", fmt.Errorf("matching method must be specified first (using '-m') when using a sample fetch of "+
				"this type ('%s')", e.name)
		}
		return name, nil
	}
	if err := findMethod(name); err != nil {
		if _, unknown := errors.AsType[*unknownError](err); unknown {
			err = fmt.Errorf("%w when parsing ACL expression", err)
		}
		return "", err
	}
	if !e.out.castsTo(methods[name].expect) {
		return "", fmt.Errorf("matching method '%s' cannot be used with fetch keyword '%s'", name, e.name)
	}
	return name, nil
}

// keywordMethod returns the method of fetches that HAProxy also has as ACL keywords, or the other one.
func (e *Expression) keywordMethod(otherwise string) string {
	switch e.name {
	case "req.ssl_ver", "req_ssl_ver":
		return methodDotted
	case "payload", "payload_lv":
		return "bin"
	}
	if e.aclMethod != "" {
		return e.aclMethod
	}
	return otherwise
}

// valuesTable makes the table of the patterns that are not in files.
func valuesTable(name string, m method, c Criterion) (table, error) {
	patterns := c.Values
	if name == "int" || name == "len" || name == methodDotted {
		var err error
		if patterns, err = operatorsToRanges(patterns, name == methodDotted); err != nil {
			return nil, err
		}
	}
	return m.build(patterns, c.IgnoreCase)
}

// Match compares the value of the expression with the patterns. It is Pass if one of them matches, Miss if it may
// still come to that, else Fail.
func (a *ACL) Match(in *Input) Verdict {
	if a.all != nil {
		return a.matchAll(in)
	}
	s := a.expression.sample(in)
	if s.found && a.expression.alpn {
		return a.matchProtocols(in)
	}
	if a.expression.eachValue != nil && !s.mayChange {
		return a.matchEach(in)
	}
	switch s = a.expression.convert(in, s); {
	case s.found && a.matches(s.value):
		return Pass
	case s.mayChange && !in.Final:
		return Miss
	}
	return Fail
}

// matchProtocols compares the ALPN protocols, up to the first that a converter has no value for: HAProxy leaves off
// there.
func (a *ACL) matchProtocols(in *Input) Verdict {
	for name := range in.Hello.Hello().ALPN() {
		s := a.expression.convert(in, found(text(name)))
		switch {
		case !s.found:
			return Fail
		case a.matches(s.value):
			return Pass
		}
	}
	return Fail
}

// matchEach compares the values of a header, a cookie or a parameter, one after the other.
func (a *ACL) matchEach(in *Input) Verdict {
	for v := range a.expression.eachValue(in) {
		if s := a.expression.convert(in, found(v)); s.found && a.matches(s.value) {
			return Pass
		}
	}
	return Fail
}

// InRequest tells whether the criterion looks at a request over HTTP; see [Expression.InRequest].
func (a *ACL) InRequest() bool { return a.expression.InRequest() }

// InResponse tells whether the criterion looks at a response over HTTP.
func (a *ACL) InResponse() bool { return a.expression.InResponse() }

func (a *ACL) matches(v Value) bool {
	v, ok := cast(v, a.expect)
	if !ok {
		return false
	}
	for _, t := range a.tables {
		if t.find(v) >= 0 {
			return true
		}
	}
	return false
}

// NeedsRequest tells whether the criterion looks at the bytes that the client sends, or waits for their end.
func (a *ACL) NeedsRequest() bool {
	return a.expression.needs&NeedsRequest != 0
}

// Needs tells what there must be for the criterion to match.
func (a *ACL) Needs() Needs {
	return a.expression.needs
}

// Questions returns what the criterion asks a [State]; see [Expression.Questions].
func (a *ACL) Questions() []Question {
	return a.expression.questions
}

// Warning says what is wrong with a criterion that can be loaded all the same; else it is empty.
func (a *ACL) Warning() string {
	return a.warning
}
