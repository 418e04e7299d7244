// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

var errNoView = fmt.Errorf("%w: expected one of the views of the menu", control.ErrUnknown)

// Query says what to show. Queries are comparable: equal ones have equal answers.
type Query struct {
	// View is the name of a view.
	View string
	// Frontend, Backend, Server and Name select what the view is about, or filter its rows.
	Frontend, Backend, Server, Name string
	// Source is an address or a network of clients. OlderThan and IdleFor are durations of sessions.
	Source, OlderThan, IdleFor string
	// Termination has HAProxy's two letters of ended connections. Failed is 1 for those that were
	// refused or failed.
	Termination, Failed string
	// Hello is a ClientHello in hexadecimal.
	Hello string
	// Filter is a text that rows must contain.
	Filter string
	// Sort is the number of the column to sort by, from 1, with a minus for the largest first; empty:
	// the order of the view.
	Sort string
	// Offset is the number of rows to skip.
	Offset int
	// All asks for all rows, for readers that scroll in them.
	All bool
}

// fields returns the parameters that are text, by name.
func (q *Query) fields() []parameter {
	return []parameter{
		{"view", &q.View},
		{"frontend", &q.Frontend},
		{"backend", &q.Backend},
		{"server", &q.Server},
		{"name", &q.Name},
		{"source", &q.Source},
		{"older_than", &q.OlderThan},
		{"idle_for", &q.IdleFor},
		{"termination", &q.Termination},
		{"failed", &q.Failed},
		{"hello", &q.Hello},
		{"filter", &q.Filter},
		{"sort", &q.Sort},
	}
}

// maxOffset is the highest offset.
const maxOffset = 1_000_000_000

type parameter struct {
	name  string
	value *string
}

// ParseQuery returns the query of an address. Parameters of other names are ignored.
func ParseQuery(values url.Values) (q Query, err error) {
	for _, f := range q.fields() {
		*f.value = values.Get(f.name)
	}
	if q.View == "" {
		q.View = Menu()[0].Name
	}
	if text := values.Get("offset"); text != "" {
		q.Offset, err = strconv.Atoi(text)
		if err != nil || q.Offset < 0 || q.Offset > maxOffset {
			return q, errors.Join(control.ErrInvalid, fmt.Errorf("offset %q: expected a whole number from 0 to %d", text, maxOffset))
		}
	}
	q.All = values.Has("all")
	return q, nil
}

// URL returns the address of the query, relative to the page.
func (q Query) URL() string { return "?" + q.values().Encode() }

// values returns the parameters of the query.
func (q Query) values() url.Values {
	values := make(url.Values)
	for _, f := range q.fields() {
		if *f.value != "" {
			values.Set(f.name, *f.value)
		}
	}
	if q.Offset > 0 {
		values.Set("offset", strconv.Itoa(q.Offset))
	}
	if q.All {
		values.Set("all", "1")
	}
	return values
}

// BackendURL returns the address of the view of a backend.
func BackendURL(name string) string { return Query{View: "backends", Backend: name}.URL() }
