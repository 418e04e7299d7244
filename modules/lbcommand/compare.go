// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// change is a difference between two configurations.
type change struct {
	// Change is added, removed or changed.
	Change string `json:"change"`
	// Kind is backend, server, frontend, listener, rule, route, or option for anything else.
	Kind string `json:"kind"`
	// Name is that of the thing, such as web/s1 for a server.
	Name string `json:"name"`
	// From and To are the values of an option.
	From any `json:"from,omitempty"`
	To   any `json:"to,omitempty"`
}

const (
	added   = "added"
	removed = "removed"
	changed = "changed"
)

// String returns the change as a line: "+ server web/s3 10.0.0.3:443".
func (c change) String() string {
	line := map[string]string{added: "+", removed: "-", changed: "~"}[c.Change] + " " + c.Kind + " " + c.Name
	switch {
	case c.From != nil && c.To != nil:
		return line + ": " + short(c.From) + " -> " + short(c.To)
	case c.To != nil:
		return line + ": " + short(c.To)
	case c.From != nil:
		return line + ": " + short(c.From)
	}
	return line
}

// short returns a value as JSON, cut if it is long.
func short(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	text, _ := json.Marshal(v) // decoded from JSON
	const most = 60
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

type object = map[string]any

// compare returns the differences between two configurations, in Caddy's JSON.
func compare(from, to []byte) ([]change, error) {
	var before, after object
	for _, side := range []struct {
		text []byte
		v    *object
	}{{from, &before}, {to, &after}} {
		decoder := json.NewDecoder(bytes.NewReader(side.text))
		decoder.UseNumber()
		if err := decoder.Decode(side.v); err != nil {
			return nil, fmt.Errorf("decoding the configuration: %w", err)
		}
	}
	d := new(differences)
	was, is := d.child(before, "apps"), d.child(after, "apps")
	wasApp, isApp := d.child(was, "passthrough"), d.child(is, "passthrough")
	d.backends(d.child(wasApp, "backends"), d.child(isApp, "backends"))
	d.frontends(d.child(wasApp, "frontends"), d.child(isApp, "frontends"))
	d.options("passthrough", wasApp, isApp, "backends", "frontends")
	d.layer4(d.child(d.child(was, "layer4"), "servers"), d.child(d.child(is, "layer4"), "servers"))
	d.options("layer4", d.child(was, "layer4"), d.child(is, "layer4"), "servers")
	d.options("app", was, is, "passthrough", "layer4")
	d.options("", before, after, "apps")
	return d.all, nil
}

// differences collects changes.
type differences struct{ all []change }

func (d *differences) add(c change) { d.all = append(d.all, c) }

// child returns an object in an object, or nil.
func (*differences) child(o object, name string) object {
	child, _ := o[name].(object)
	return child
}

// names calls each for the names in two objects, in order, with what they have.
func names(was, is object, each func(name string, was, is any)) {
	union := maps.Clone(was)
	if union == nil {
		union = make(object)
	}
	maps.Copy(union, is)
	for _, name := range slices.Sorted(maps.Keys(union)) {
		each(name, was[name], is[name])
	}
}

// kindOfChange returns added, removed or changed; or nothing, if both are equal.
func kindOfChange(was, is any) string {
	switch {
	case reflect.DeepEqual(was, is):
		return ""
	case was == nil:
		return added
	case is == nil:
		return removed
	default:
		return changed
	}
}

// options adds the values that differ, except for some. Origins (files and lines) do not count.
func (d *differences) options(prefix string, was, is object, except ...string) {
	names(was, is, func(name string, was, is any) {
		if name == "origin" || slices.Contains(except, name) {
			return
		}
		if kind := kindOfChange(was, is); kind != "" {
			d.add(change{kind, "option", strings.TrimSpace(prefix + " " + name), was, is})
		}
	})
}

func (d *differences) backends(was, is object) {
	names(was, is, func(name string, was, is any) {
		before, _ := was.(object)
		after, _ := is.(object)
		if kind := kindOfChange(was, is); kind == added || kind == removed {
			d.add(change{kind, "backend", name, nil, nil})
		}
		d.servers(name, before["servers"], after["servers"])
		if was != nil && is != nil {
			d.options("backend "+name, before, after, "servers")
		}
	})
}

// servers compares the servers of a backend by their names.
func (d *differences) servers(backend string, was, is any) {
	names(byName(was), byName(is), func(name string, was, is any) {
		name = backend + "/" + name
		before, _ := was.(object)
		after, _ := is.(object)
		switch kindOfChange(was, is) {
		case added:
			d.add(change{added, "server", name, nil, after["address"]})
		case removed:
			d.add(change{removed, "server", name, before["address"], nil})
		case changed:
			names(before, after, func(option string, was, is any) {
				if option != "origin" && kindOfChange(was, is) != "" {
					d.add(change{changed, "server", name + " " + option, was, is})
				}
			})
		}
	})
}

// byName returns the objects of a list by their name.
func byName(list any) object {
	all := make(object)
	items, _ := list.([]any)
	for _, item := range items {
		if o, ok := item.(object); ok {
			name, _ := o["name"].(string)
			all[name] = o
		}
	}
	return all
}

func (d *differences) frontends(was, is object) {
	names(was, is, func(name string, was, is any) {
		before, _ := was.(object)
		after, _ := is.(object)
		if kind := kindOfChange(was, is); kind == added || kind == removed {
			d.add(change{kind, "frontend", name, nil, nil})
		}
		d.list("listener", name, before["bind"], after["bind"])
		if was != nil && is != nil {
			for _, rules := range []string{"connection", "session", "rules"} {
				d.list("rule", name+" "+rules, before[rules], after[rules])
			}
			d.options("frontend "+name, before, after, "bind", "connection", "session", "rules")
		}
	})
}

// layer4 compares the servers of the app layer4, whose routes have the handlers of frontends.
func (d *differences) layer4(was, is object) {
	names(was, is, func(name string, was, is any) {
		name = "layer4 " + name
		before, _ := was.(object)
		after, _ := is.(object)
		if kind := kindOfChange(was, is); kind == added || kind == removed {
			d.add(change{kind, "frontend", name, nil, nil})
		}
		d.list("listener", name, before["listen"], after["listen"])
		if was != nil && is != nil {
			d.list("route", name, before["routes"], after["routes"])
			d.options("frontend "+name, before, after, "listen", "routes")
		}
	})
}

// list adds the items that only one of two lists has.
func (d *differences) list(kind, name string, was, is any) {
	before, after := texts(was), texts(is)
	for _, text := range before {
		if !slices.Contains(after, text) {
			d.add(change{removed, kind, name, text, nil})
		}
	}
	for _, text := range after {
		if !slices.Contains(before, text) {
			d.add(change{added, kind, name, nil, text})
		}
	}
	if slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))) && !slices.Equal(before, after) {
		d.add(change{changed, kind, name + " order", nil, nil})
	}
}

// texts returns the items of a list as text, without their origins. A listener that is only an
// address is that.
func texts(list any) (all []string) {
	items, _ := list.([]any)
	for _, item := range items {
		o, ok := item.(object)
		if ok {
			o = maps.Clone(o)
			delete(o, "origin")
			item = o
		}
		if address, ok := o["address"].(string); ok && len(o) == 1 {
			all = append(all, address)
			continue
		}
		if text, ok := item.(string); ok {
			all = append(all, text)
			continue
		}
		text, _ := json.Marshal(item) // decoded from JSON
		all = append(all, string(text))
	}
	return all
}
