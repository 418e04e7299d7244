// SPDX-License-Identifier: Apache-2.0

// Package logformat reads and writes HAProxy's log formats: text with aliases such as %ci and
// expressions such as %[var(sess.sni)], as text, JSON or CBOR.
//
// A Format is read once. It takes the values of its expressions while the connection has them
// (AppendValues), and writes the line later (Append), with facts that the caller has.
package logformat

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// A Format is a log format. It is immutable and safe for concurrent use.
type Format struct {
	items   []item
	sources []source
	encode  flags // json, cbor, utf8 and bin of the whole line

	atEnd, server bool
	late, early   bool
	uses          [AliasCount]bool
}

// An item is a part of a format: text, one or more spaces, a fact, or the values of sources.
type item struct {
	text      string // a literal, if the item has no alias and no sources
	separates bool
	spec      spec
	sources   int // number of values; for an expression 1
	isValue   bool
	flags     flags
	name      string
	as        string // the type to encode it as
}

// A source is an expression, or the slot of what a rule has captured.
type source struct {
	expression *sample.Expression
	capture    int
	late       bool
}

// flags are those in braces.
type flags uint8

const (
	quote flags = 1 << iota
	hex
	escape
	binary
	inJSON
	inCBOR
	utf8Text
)

var flagNames = map[string]flags{"Q": quote, "X": hex, "E": escape, "bin": binary, "json": inJSON, "cbor": inCBOR, "utf8": utf8Text}

// NeedsEnd reports whether the format has facts that are known only when the connection ends.
// HAProxy writes the line of a format without them once the server is connected.
func (f *Format) NeedsEnd() bool { return f.atEnd }

// NeedsSource reports whether the format has the proxy's address at the connection to the server.
func (f *Format) NeedsSource() bool { return f.server }

// Uses reports whether the format has an alias for a fact.
func (f *Format) Uses(a Alias) bool { return f.uses[a] }

// HasValues reports whether AppendValues has something to append: early, once the server is
// connected, or late, when the connection ends.
func (f *Format) HasValues(late bool) bool {
	if late {
		return f.late
	}
	return f.early
}

// UsesCaptures reports whether the format has what rules have captured.
func (f *Format) UsesCaptures() bool {
	for _, i := range f.items {
		if i.spec.kind == captured || i.spec.kind == capturedBare {
			return true
		}
	}
	for _, e := range f.Expressions() {
		if e.Captured() {
			return true
		}
	}
	return false
}

// Expressions returns the expressions.
func (f *Format) Expressions() (all []*sample.Expression) {
	for _, s := range f.sources {
		if s.expression != nil {
			all = append(all, s.expression)
		}
	}
	return all
}

// isLate reports whether an expression is about numbers that change until the end: entries of stick
// tables that the connection tracks, and connections of the process, of a frontend, backend or
// server.
func isLate(e *sample.Expression) bool {
	questions := e.Questions()
	for _, q := range questions {
		switch q.About {
		case sample.ObjectConnection:
			if q.Fetch != "act_conn" {
				return false
			}
		case sample.ObjectTable:
			return false
		default:
		}
	}
	return len(questions) > 0
}
