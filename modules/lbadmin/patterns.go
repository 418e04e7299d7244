// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// patternRoutes returns the routes of maps, or those of files of ACLs.
func patternRoutes(word string, kind control.PatternKind) []route {
	p := patterns{kind}
	file := map[string]method{"GET": p.list, "POST": p.add, "DELETE": p.remove}
	if kind == control.Maps {
		file["PATCH"] = p.set
	}
	return []route{
		{path: word, methods: map[string]method{"GET": p.files}},
		{path: word + "/FILE", query: []string{"version", "key", "id", "all"}, methods: file},
		{path: word + "/FILE/match", query: []string{"value"}, methods: map[string]method{"GET": p.match}},
		{path: word + "/FILE/prepare", methods: map[string]method{"POST": p.prepare}},
		{path: word + "/FILE/commit", methods: map[string]method{"POST": p.commit}},
		{path: word + "/FILE/reset", methods: map[string]method{"POST": p.reset}},
	}
}

// patterns serves files of a kind.
type patterns struct{ kind control.PatternKind }

// maxPatterns is the maximum length of a body with entries.
const maxPatterns = 1 << 20

// AddPatterns is the body of a POST of a map or a file of ACLs: entries to add, all or none of
// them. Those of ACLs have no value.
type AddPatterns struct {
	Entries []NewPattern `json:"entries"`
}

// NewPattern is an entry to add.
type NewPattern struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// SetPattern is the body of a PATCH of a map: the new value of all entries with a key, or of one.
type SetPattern struct {
	Key string `json:"key,omitempty"`
	// ID is the number of the entry.
	ID    uint64 `json:"id,omitempty"`
	Value string `json:"value"`
}

// PatternVersion is a version of a file: its entries come into use when it is committed.
type PatternVersion struct {
	Version int `json:"version"`
}

func (p patterns) files(*request) (any, error) {
	return append([]control.PatternFile{}, control.PatternFiles(p.kind)...), nil
}

func (p patterns) ref(r *request) control.PatternsRef {
	return control.PatternsRef{By: control.ByAdmin, Kind: p.kind, Reference: r.names[0]}
}

// show answers a change with the state of the file.
func (p patterns) show(r *request, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return control.PatternFileOf(p.kind, r.names[0])
}

// list lists the entries of a version.
func (p patterns) list(r *request) (any, error) {
	version, err := onlyVersion(r)
	if err != nil {
		return nil, err
	}
	list, err := control.PatternEntries(p.kind, r.names[0], version)
	if err != nil {
		return nil, err
	}
	return array(slices.Values(list)), nil
}

// onlyVersion returns the version of a request, which must have no other parameter.
func onlyVersion(r *request) (*int, error) {
	query := r.URL.Query()
	for name := range query {
		if name != "version" {
			return nil, invalid("parameter %q: expected version", name)
		}
	}
	return versionOf(query)
}

// versionOf returns the version of the query; nil: the current one.
func versionOf(query url.Values) (*int, error) {
	if !query.Has("version") {
		return nil, nil
	}
	n, err := strconv.Atoi(query.Get("version"))
	if err != nil || n < 0 {
		return nil, invalid("version %q: expected a whole number, zero or more", query.Get("version"))
	}
	return &n, nil
}

func (p patterns) add(r *request) (any, error) {
	version, err := onlyVersion(r)
	if err != nil {
		return nil, err
	}
	says, err := decodeUpTo[AddPatterns](r, maxPatterns, `{"entries": [{"key": "www.example.com", "value": "web"}]}`)
	if err != nil {
		return nil, err
	}
	if len(says.Entries) == 0 {
		return nil, invalid("no entries: expected some")
	}
	entries := make([]control.PatternEntry, len(says.Entries))
	for i, e := range says.Entries {
		entries[i] = control.PatternEntry{Key: e.Key, Value: e.Value}
	}
	return p.show(r, control.AddPatterns(p.ref(r), version, entries...))
}

func (p patterns) set(r *request) (any, error) {
	if r.URL.RawQuery != "" {
		return nil, invalid("parameters %s: expected none", r.URL.RawQuery)
	}
	says, err := decode[SetPattern](r, `{"key": "www.example.com", "value": "web"}, with key or id`)
	switch {
	case err != nil:
		return nil, err
	case (says.Key == "") == (says.ID == 0):
		return nil, invalid("entry to set: expected either key or id")
	case says.ID != 0:
		return p.show(r, control.SetPatternID(p.ref(r), says.ID, says.Value))
	default:
		return p.show(r, control.SetPattern(p.ref(r), says.Key, says.Value))
	}
}

// remove removes the entries that the one parameter says.
func (p patterns) remove(r *request) (any, error) {
	query := r.URL.Query()
	if len(query) != 1 {
		return nil, invalid("%d parameters: expected one of key, id, version or all=1", len(query))
	}
	switch {
	case query.Has("key"):
		return p.show(r, control.DeletePattern(p.ref(r), query.Get("key")))
	case query.Has("id"):
		id, err := strconv.ParseUint(query.Get("id"), 10, 64)
		if err != nil {
			return nil, invalid("id %q: expected the number of an entry", query.Get("id"))
		}
		return p.show(r, control.DeletePatternID(p.ref(r), id))
	case query.Has("all") && query.Get("all") != "1":
		return nil, invalid("all %q: expected 1", query.Get("all"))
	}
	version, err := versionOf(query)
	if err != nil {
		return nil, err
	}
	return p.show(r, control.ClearPatterns(p.ref(r), version))
}

func (p patterns) match(r *request) (any, error) {
	if !r.URL.Query().Has("value") {
		return nil, invalid("value to look up: expected the parameter value")
	}
	found, err := control.FindPattern(p.kind, r.names[0], r.URL.Query().Get("value"))
	if err != nil {
		return nil, err
	}
	return append([]control.PatternMatch{}, found...), nil
}

func (p patterns) prepare(r *request) (any, error) {
	version, err := control.PreparePatterns(p.ref(r))
	if err != nil {
		return nil, err
	}
	return PatternVersion{version}, nil
}

func (p patterns) commit(r *request) (any, error) {
	says, err := decode[PatternVersion](r, `{"version": 1}`)
	if err != nil {
		return nil, err
	}
	return p.show(r, control.CommitPatterns(p.ref(r), says.Version))
}

func (p patterns) reset(r *request) (any, error) {
	_, err := control.ResetPatterns(p.ref(r))
	return p.show(r, err)
}
