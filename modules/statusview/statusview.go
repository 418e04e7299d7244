// SPDX-License-Identifier: Apache-2.0

// Package statusview computes what the status page shows, as tables, graphs and facts in which
// every number already has its text, class and sort key. A view is one file: it reads snapshots of
// package control, and returns panels. It keeps nothing, knows no HTTP and writes no HTML; package
// statuspage renders views, and sends what changes in them.
package statusview

import (
	"fmt"
	"slices"
	"time"
)

// View is one of the views of the page.
type View struct {
	Name, Title string
	Panels      []Panel
}

// Options say what a page may show and do.
type Options struct {
	// Title is the heading; empty: the name of the program.
	Title string
	// Node and Description are shown in the heading. HideVersion leaves out versions.
	Node, Description string
	HideVersion       bool
	// Control allows changes: tables have actions, and rows that can be selected.
	Control bool
	// Scope has the names of the only frontends and backends to show; nil: all.
	Scope []string
}

// Shows reports whether a frontend or backend of this name is in the scope of the page.
func (o *Options) Shows(name string) bool {
	return o.Scope == nil || slices.Contains(o.Scope, name)
}

// builder makes the panels of a view at a time.
type builder func(q Query, o *Options, now time.Time) ([]Panel, error)

// Entry is an entry of the page's menu.
type Entry struct {
	Name, Title string
	build       builder
}

// Menu returns the views in the order of the menu, the first of which is the default.
func Menu() []Entry {
	return []Entry{
		{"overview", "Overview", overview},
		{"flow", "Flow", flow},
		{"backends", "Backends", backends},
		{"names", "Names", names},
		{"certificates", "Certificates", certificatesView},
		{"sessions", "Sessions", sessions},
		{"log", "Log", logTail},
	}
}

// Build returns the view that a query asks for. The kind of the error is control.ErrUnknown or
// control.ErrInvalid, for a view or a name that does not exist, or a wrong parameter.
func Build(q Query, o *Options, now time.Time) (*View, error) {
	for _, e := range Menu() {
		if e.Name != q.View {
			continue
		}
		panels, err := e.build(q, o, now)
		if err != nil {
			return nil, err
		}
		return &View{e.Name, e.Title, panels}, nil
	}
	return nil, fmt.Errorf("view %q: %w", q.View, errNoView)
}
