// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"fmt"
	"net/textproto"
)

// A CheckInput is the input of a health check's expressions; see [Loader.Checks].
type CheckInput struct {
	// Backend and Server name the checked server.
	Backend, Server string
	// Received holds the bytes received from the server since the last send. An HTTP check has none.
	Received []byte
	// Response is the HTTP response; nil before one is received.
	Response *CheckResponse
}

// A CheckResponse is the HTTP response to a check.
type CheckResponse struct {
	Status  int
	Version string // such as 1.1
	// Header holds the header fields by their canonical names.
	Header textproto.MIMEHeader
	// Body is the part of the body received so far.
	Body []byte
}

// checkFetches are the fetches that only health checks have.
var checkFetches = map[string]fetch{
	"res.len": {
		out: typeInt, note: "the number of bytes received since the last send",
		build: withoutArgs(fromCheck(func(c *CheckInput) result { return found(Integer(int64(len(c.Received)))) })),
	},
	"res.payload": {
		args: takes(2, argInt, argInt), out: typeBin,
		note:  "the bytes received from the server at an offset; the length 0 means all that follow",
		build: buildReceived,
	},
	"status": {
		out: typeInt, note: "the status of the HTTP response",
		build: withoutArgs(fromCheckResponse(func(a *CheckResponse) result { return found(Integer(int64(a.Status))) })),
	},
	"res.ver": {
		out: typeStr, note: "the HTTP version of the response, such as 1.1",
		build: withoutArgs(fromCheckResponse(func(a *CheckResponse) result { return found(Text(a.Version)) })),
	},
	"res.body": {
		out: typeBin, note: "the part of the response's body received so far",
		build: withoutArgs(fromCheckResponse(func(a *CheckResponse) result { return found(Binary(a.Body)) })),
	},
	"res.body_len": {
		out: typeInt, note: "the number of bytes of the response's body received so far",
		build: withoutArgs(fromCheckResponse(func(a *CheckResponse) result { return found(Integer(int64(len(a.Body)))) })),
	},
	"res.hdr": {
		aliases: []string{"shdr"}, args: takes(1, argStr, argInt), out: typeStr,
		note:  "a value of a header of the response, split at commas: the last, or by its number from 1, or with - from the end",
		build: buildHeader(SplitHeader),
	},
	"res.fhdr": {
		args: takes(1, argStr, argInt), out: typeStr,
		note:  "as res.hdr, but a whole line",
		build: buildHeader(func(s string) []string { return []string{s} }),
	},
	"res.hdr_cnt": {
		aliases: []string{"shdr_cnt"}, args: takes(1, argStr), out: typeInt,
		note: "the number of values of a header of the response",
		build: func(a args) (fetchFunc, error) {
			name := a[0].text
			return fromCheckResponse(func(answer *CheckResponse) result {
				return found(Integer(int64(len(headerValues(answer, name, SplitHeader)))))
			}), nil
		},
	},
	"be_name":  {out: typeStr, note: "the backend", build: withoutArgs(fromCheck(func(c *CheckInput) result { return found(Text(c.Backend)) }))},
	"srv_name": {out: typeStr, note: "the server", build: withoutArgs(fromCheck(func(c *CheckInput) result { return found(Text(c.Server)) }))},
}

// collectedCheckFetches maps names and aliases to checkFetches.
var collectedCheckFetches = collect(checkFetches)

// fetch looks up a fetch by its name.
func (l *Loader) fetch(name string) (fetch, error) {
	if l.Checks {
		if f, ok := collectedCheckFetches[name]; ok {
			return f, nil
		}
	}
	f, ok := fetches[name]
	if l.HTTP {
		if over, differs, err := httpFetch(name, f); differs {
			return over, err
		}
	}
	switch {
	case ok && f.table != nil && (l.HTTP || l.Checks):
		return f, withoutTables("fetch method", name)
	case ok && l.Checks:
		return f, f.validateInCheck(name)
	case ok:
		return f, nil
	}
	if err := unsupported(knownFetches, "fetch method", name); err != nil {
		return f, err
	}
	return f, unknownName("fetch method", name)
}

// withoutTables returns the error for a fetch or a converter of stick tables where there are no
// tables.
func withoutTables(kind, name string) error {
	return &Unsupported{kind + " '" + name + "'", "stick tables are not available in mode http, and in checks"}
}

// validateInCheck returns an error for a fetch that has no value in a check.
func (f *fetch) validateInCheck(name string) error {
	switch {
	case f.needs&NeedsResponse != 0 || f.query != nil:
		return &Unsupported{"fetch method '" + name + "' in a check", "it is for rules only"}
	case f.needs&NeedsRequest != 0:
		return fmt.Errorf("fetch method '%s' needs bytes from a client, and a check has no client", name)
	}
	return nil
}

// fromCheck returns a fetch that examines a check.
func fromCheck(f func(*CheckInput) result) fetchFunc {
	return func(in *Input) result {
		if in.Check == nil {
			return noValue
		}
		return f(in.Check)
	}
}

// fromCheckResponse returns a fetch that examines the HTTP response to a check.
func fromCheckResponse(f func(*CheckResponse) result) fetchFunc {
	return fromCheck(func(c *CheckInput) result {
		if c.Response == nil {
			return noValue
		}
		return f(c.Response)
	})
}

func buildReceived(a args) (fetchFunc, error) {
	offset, length := a[0].number, a[1].number
	if offset < 0 || length < 0 {
		return nil, &Unsupported{"a negative argument of res.payload", "HAProxy would read outside its buffer"}
	}
	return fromCheck(func(c *CheckInput) result {
		have := int64(len(c.Received))
		switch {
		case offset > have, length > have-offset:
			return noValue
		case length == 0:
			return found(Binary(c.Received[offset:]))
		}
		return found(Binary(c.Received[offset : offset+length]))
	}), nil
}

// buildHeader returns the build function of a fetch that finds one value of a header.
func buildHeader(split func(string) []string) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) {
		name, which := a[0].text, a.integer(1, -1)
		return fromCheckResponse(func(answer *CheckResponse) result {
			value, ok := occurrence(headerValues(answer, name, split), which)
			if !ok {
				return noValue
			}
			return found(Text(value))
		}), nil
	}
}

// occurrence returns a value by its number: from 1, or if negative from the end. 0 is the last.
func occurrence[T any](values []T, which int64) (value T, ok bool) {
	at := which - 1
	if which <= 0 {
		at = int64(len(values)) + min(which, -1)
	}
	if at < 0 || at >= int64(len(values)) {
		return value, false
	}
	return values[at], true
}

func headerValues(a *CheckResponse, name string, split func(string) []string) (values []string) {
	for _, line := range a.Header[textproto.CanonicalMIMEHeaderKey(name)] {
		values = append(values, split(line)...)
	}
	return values
}

// SplitHeader splits a header line at its commas, except those inside quotes.
func SplitHeader(line string) (values []string) {
	for rest, more := []byte(line), true; more; {
		var value []byte
		value, rest, more = cutValue(rest)
		values = append(values, string(bytes.Trim(value, " \t")))
	}
	return values
}
