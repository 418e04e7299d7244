// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"cmp"
	"errors"
	"fmt"
)

// An ACL is a loaded criterion: an expression and the patterns to compare its values with. It is
// safe for concurrent use; only the patterns in files may change.
type ACL struct {
	expression *Expression
	expect     valueType
	finders    []finder
	all        []Term // evaluated instead of the expression
	warning    string
}

// Criterion loads a criterion. Errors have HAProxy's text; for features that this package lacks,
// the error is an [*Unsupported].
func (l *Loader) Criterion(c Criterion) (*ACL, error) {
	if c.All != nil {
		return l.allOf(c)
	}
	if at := nameEnd(c.Fetch, 0); at > 0 {
		// Unsupported fetches, the most frequent mistake, have an error without HAProxy's context.
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
	a := &ACL{expression: e, expect: methodTable(name).expect}
	if a.finders, err = l.finders(name, c); err != nil {
		return nil, err
	}
	a.warning = cmp.Or(e.Warning(), e.patternWarning(c))
	return a, nil
}

// finders returns what finds the patterns in a criterion's files, and then those of its values.
func (l *Loader) finders(method string, c Criterion) ([]finder, error) {
	var all []finder
	for _, file := range c.Files {
		x, err := l.index(file, false, indexKey{method, c.IgnoreCase})
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	t, err := valuesTable(method, c)
	if err != nil {
		return nil, err
	}
	return append(all, t), nil
}

// patternWarning warns of a criterion without patterns that only a pattern could match.
func (e *Expression) patternWarning(c Criterion) string {
	if len(c.Values) > 0 || len(c.Files) > 0 || c.Method != "" || e.out == typeBool {
		return ""
	}
	return "no pattern to match against was provided for '" + c.Fetch + "', so this ACL will never match; " +
		"the method 'found' matches any value, and 'bool' any number but 0"
}

// method returns the matching method to use, or an error if it cannot be used.
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

// keywordMethod returns the method of an ACL keyword that shares its name with a fetch, or
// otherwise.
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

// valuesTable builds the table of the patterns that are not in files.
func valuesTable(name string, c Criterion) (table, error) {
	patterns := c.Values
	if name == "int" || name == "len" || name == methodDotted {
		var err error
		if patterns, err = operatorsToRanges(patterns, name == methodDotted); err != nil {
			return nil, err
		}
	}
	return methodTable(name).build(patternsOf(patterns), c.IgnoreCase)
}

// Match compares the value of the expression with the patterns. It returns Pass if one of them
// matches, Miss if further bytes may still bring a match, else Fail.
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
	s = a.expression.convert(in, s)
	in.Trace.note(s)
	switch {
	case s.found && a.matches(s.value):
		return Pass
	case s.mayChange && !in.Final:
		return Miss
	}
	return Fail
}

// matchProtocols compares the ALPN protocols up to the first for which a converter has no value.
// HAProxy stops there.
func (a *ACL) matchProtocols(in *Input) Verdict {
	for name := range in.Hello.Hello().ALPN() {
		s := a.expression.convert(in, found(text(name)))
		in.Trace.note(s)
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
		s := a.expression.convert(in, found(v))
		in.Trace.note(s)
		if s.found && a.matches(s.value) {
			return Pass
		}
	}
	return Fail
}

// InRequest reports whether the criterion examines an HTTP request; see [Expression.InRequest].
func (a *ACL) InRequest() bool { return a.expression.InRequest() }

// InResponse reports whether the criterion examines an HTTP response.
func (a *ACL) InResponse() bool { return a.expression.InResponse() }

func (a *ACL) matches(v Value) bool {
	v, ok := cast(v, a.expect)
	if !ok {
		return false
	}
	for _, f := range a.finders {
		if f.find(v) != nil {
			return true
		}
	}
	return false
}

// NeedsRequest reports whether the criterion examines bytes from the client, or waits for their
// end.
func (a *ACL) NeedsRequest() bool {
	return a.expression.needs&NeedsRequest != 0
}

// Changes reports whether evaluating the criterion changes a counter; see [Expression.Changes].
func (a *ACL) Changes() bool { return a.expression.changes }

// Tracked reports whether the criterion is about an entry that the connection tracks.
func (a *ACL) Tracked() bool { return a.expression.tracked }

// Needs returns the data without which the criterion does not match.
func (a *ACL) Needs() Needs {
	return a.expression.needs
}

// Questions returns the queries that the criterion makes to a [State]; see [Expression.Questions].
func (a *ACL) Questions() []Question {
	return a.expression.questions
}

// Warning describes a problem of a criterion that can be loaded all the same, or "".
func (a *ACL) Warning() string {
	return a.warning
}
