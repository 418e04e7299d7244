// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"fmt"
	"net/textproto"
)

// A CheckInput is what the expressions of a health check can look at; see [Loader.Checks].
type CheckInput struct {
	// Backend and Server are the names of the server that is checked.
	Backend, Server string
	// Received are the bytes that the server has sent since the last send. A check over HTTP has none.
	Received []byte
	// Answer is the answer of a server over HTTP; nil: there is none yet.
	Answer *CheckAnswer
}

// A CheckAnswer is an answer over HTTP.
type CheckAnswer struct {
	Status  int
	Version string // such as 1.1
	// Header has the fields by their canonical names.
	Header textproto.MIMEHeader
	// Body is as much of the body as has come.
	Body []byte
}

// checkFetches are those that only the expressions of health checks have.
var checkFetches = map[string]fetch{
	"res.len": {
		out: typeInt, note: "how many bytes the server has sent since the last send",
		build: plain(ofCheck(func(c *CheckInput) sampled { return found(Number(int64(len(c.Received)))) })),
	},
	"res.payload": {
		args: takes(2, argInt, argInt), out: typeBin,
		note:  "the bytes of the server's answer at an offset; the length 0 means all that follow",
		build: buildReceived,
	},
	"status": {
		out: typeInt, note: "the status of the answer over HTTP",
		build: plain(ofAnswer(func(a *CheckAnswer) sampled { return found(Number(int64(a.Status))) })),
	},
	"res.ver": {
		out: typeStr, note: "the version of HTTP in the answer, such as 1.1",
		build: plain(ofAnswer(func(a *CheckAnswer) sampled { return found(Text(a.Version)) })),
	},
	"res.body": {
		out: typeBin, note: "as much of the answer's body as has come",
		build: plain(ofAnswer(func(a *CheckAnswer) sampled { return found(Binary(a.Body)) })),
	},
	"res.body_len": {
		out: typeInt, note: "how many bytes of the answer's body have come",
		build: plain(ofAnswer(func(a *CheckAnswer) sampled { return found(Number(int64(len(a.Body)))) })),
	},
	"res.hdr": {
		aliases: []string{"shdr"}, args: takes(1, argStr, argInt), out: typeStr,
		note:  "a value of a header of the answer, which commas part: the last, or by its number from 1, or from the end with -",
		build: buildHeader(SplitHeader),
	},
	"res.fhdr": {
		args: takes(1, argStr, argInt), out: typeStr,
		note:  "as res.hdr, but a whole line",
		build: buildHeader(func(s string) []string { return []string{s} }),
	},
	"res.hdr_cnt": {
		aliases: []string{"shdr_cnt"}, args: takes(1, argStr), out: typeInt,
		note: "how many values a header of the answer has",
		build: func(a args) (fetchFunc, error) {
			name := a[0].text
			return ofAnswer(func(answer *CheckAnswer) sampled {
				return found(Number(int64(len(headerValues(answer, name, SplitHeader)))))
			}), nil
		},
	},
	"be_name":  {out: typeStr, note: "the backend", build: plain(ofCheck(func(c *CheckInput) sampled { return found(Text(c.Backend)) }))},
	"srv_name": {out: typeStr, note: "the server", build: plain(ofCheck(func(c *CheckInput) sampled { return found(Text(c.Server)) }))},
}

// collectedCheckFetches holds them by their names, aliases included.
var collectedCheckFetches = collect(checkFetches)

// fetch returns a fetch by its name.
func (l *Loader) fetch(name string) (fetch, error) {
	if l.Checks {
		if f, ok := collectedCheckFetches[name]; ok {
			return f, nil
		}
	}
	f, ok := fetches[name]
	if l.HTTP {
		if over, differs, err := overHTTP(name, f); differs {
			return over, err
		}
	}
	switch {
	case ok && l.Checks && f.needs&NeedsResponse != 0:
		return f, &Unsupported{"fetch method '" + name + "' in a check", "it is for rules"}
	case ok && l.Checks && f.asks != nil:
		return f, &Unsupported{"fetch method '" + name + "' in a check", "it is for rules"}
	case ok && l.Checks && f.needs&NeedsRequest != 0:
		return f, fmt.Errorf("fetch method '%s' looks at what a client sends, and in a check there is no client", name)
	case ok:
		return f, nil
	}
	if err := unsupported(knownFetches, "fetch method", name); err != nil {
		return f, err
	}
	return f, unknownName("fetch method", name)
}

// ofCheck is a fetch that looks at a check.
func ofCheck(f func(*CheckInput) sampled) fetchFunc {
	return func(in *Input) sampled {
		if in.Check == nil {
			return nothing
		}
		return f(in.Check)
	}
}

// ofAnswer is a fetch that looks at an answer over HTTP.
func ofAnswer(f func(*CheckAnswer) sampled) fetchFunc {
	return ofCheck(func(c *CheckInput) sampled {
		if c.Answer == nil {
			return nothing
		}
		return f(c.Answer)
	})
}

func buildReceived(a args) (fetchFunc, error) {
	offset, length := a[0].number, a[1].number
	if offset < 0 || length < 0 {
		return nil, &Unsupported{"a negative argument of res.payload", "HAProxy would read outside of its buffer"}
	}
	return ofCheck(func(c *CheckInput) sampled {
		have := int64(len(c.Received))
		switch {
		case offset > have, length > have-offset:
			return nothing
		case length == 0:
			return found(Binary(c.Received[offset:]))
		}
		return found(Binary(c.Received[offset : offset+length]))
	}), nil
}

// buildHeader is the build of a fetch of one of a header's values.
func buildHeader(split func(string) []string) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) {
		name, which := a[0].text, a.number(1, -1)
		return ofAnswer(func(answer *CheckAnswer) sampled {
			value, ok := occurrence(headerValues(answer, name, split), which)
			if !ok {
				return nothing
			}
			return found(Text(value))
		}), nil
	}
}

// occurrence returns the value of a number: from 1, or from the end below zero. 0 is the last.
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

func headerValues(a *CheckAnswer, name string, split func(string) []string) (values []string) {
	for _, line := range a.Header[textproto.CanonicalMIMEHeaderKey(name)] {
		values = append(values, split(line)...)
	}
	return values
}

// SplitHeader returns the values of a header's line: commas part them, but not within quotes.
func SplitHeader(line string) (values []string) {
	for rest, more := []byte(line), true; more; {
		var value []byte
		value, rest, more = cutValue(rest)
		values = append(values, string(bytes.Trim(value, " \t")))
	}
	return values
}
