// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// PatternKind says which files are meant: the same name may be read as a map and as an ACL.
type PatternKind string

// The kinds, HAProxy's words.
const (
	Maps PatternKind = "map"
	ACLs PatternKind = "acl"
)

// PatternFile is a file of patterns of ACLs, or a map.
type PatternFile struct {
	Kind PatternKind `json:"kind"`
	// ID is the number in the reference #ID, which may be used instead of the file's name.
	ID   int    `json:"id"`
	File string `json:"file"`
	// Entries is the number of entries of the current version, the one in use.
	Entries int `json:"entries"`
	Version int `json:"version"`
	// NextVersion is the last version that was prepared.
	NextVersion int `json:"next_version"`
	// Set is "runtime" if entries were changed at run time, which Changes counts.
	Set     string `json:"set,omitempty"`
	Changes int    `json:"changes,omitempty"`
}

// Description returns HAProxy's description of the file.
func (f PatternFile) Description() string {
	return fmt.Sprintf("pattern loaded from file '%s' used by %s", f.File, f.Kind)
}

// PatternEntry is an entry of a map, or a pattern of an ACL, which has no value.
type PatternEntry struct {
	// ID is the number of the entry within its file; 0: not known.
	ID    uint64 `json:"id,omitempty"`
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// PatternMatch is the result of looking a value up by one of the methods that a file is used with.
type PatternMatch struct {
	// Method is HAProxy's -m: str, beg, end, ip.
	Method     string `json:"method"`
	IgnoreCase bool   `json:"ignore_case,omitempty"`
	// Entry matches; nil: none does.
	Entry *PatternEntry `json:"entry,omitempty"`
	// Tree says that HAProxy would have the entry in a tree, not in a list.
	Tree bool `json:"-"`
	// ValueType is the type of a map's values: str, sint or ip.
	ValueType string `json:"-"`
}

// PatternFiles returns the files of a kind that the configuration uses.
func PatternFiles(kind PatternKind) (all []PatternFile) {
	for _, f := range patternfiles.All(kind == Maps) {
		all = append(all, newPatternFile(kind, f))
	}
	return all
}

func newPatternFile(kind PatternKind, f patternfiles.File) PatternFile {
	p := PatternFile{Kind: kind, ID: f.ID, File: f.Name, Entries: f.Patterns.Len(), Changes: f.Patterns.Edits()}
	p.Version, p.NextVersion = f.Patterns.Versions()
	if p.Changes > 0 {
		p.Set = "runtime"
	}
	return p
}

// PatternFileOf returns the file that a reference means: a name, or # and the ID.
func PatternFileOf(kind PatternKind, reference string) (PatternFile, error) {
	f, err := patternFile(kind, reference)
	if err != nil {
		return PatternFile{}, err
	}
	return newPatternFile(kind, f), nil
}

func patternFile(kind PatternKind, reference string) (patternfiles.File, error) {
	f, found := patternfiles.Find(kind == Maps, reference)
	if !found {
		return f, unknown("%s %q: the configuration uses no such file: expected a file's name, or # and its number", kind, reference)
	}
	return f, nil
}

// PatternEntries returns the entries of a version, in order; nil means the current one. An unknown
// version has no entries.
func PatternEntries(kind PatternKind, reference string, version *int) ([]PatternEntry, error) {
	f, err := patternFile(kind, reference)
	if err != nil {
		return nil, err
	}
	var list []*sample.Pattern
	if version == nil {
		list = f.Patterns.List()
	} else {
		list = f.Patterns.ListVersion(*version)
	}
	all := make([]PatternEntry, len(list))
	for i, p := range list {
		all[i] = newPatternEntry(p)
	}
	return all, nil
}

func newPatternEntry(p *sample.Pattern) PatternEntry {
	return PatternEntry{p.ID(), p.Key(), p.Value()}
}

// FindPattern looks a value up in a file, by each method that the file is used with.
func FindPattern(kind PatternKind, reference, value string) ([]PatternMatch, error) {
	f, err := patternFile(kind, reference)
	if err != nil {
		return nil, err
	}
	var all []PatternMatch
	for _, m := range f.Patterns.Find(value) {
		match := PatternMatch{Method: m.Method, IgnoreCase: m.IgnoreCase, Tree: m.InTree(), ValueType: f.Patterns.ValueType()}
		if m.Pattern != nil {
			e := newPatternEntry(m.Pattern)
			match.Entry = &e
		}
		all = append(all, match)
	}
	return all, nil
}

// PatternsRef identifies the file that an operation changes, and the origin of the change.
type PatternsRef struct {
	By   Origin
	Kind PatternKind
	// Reference is the file's name, or # and its ID.
	Reference string
}

// change changes the file, and logs the change.
func (r PatternsRef) change(do func(patternfiles.File) (told string, err error)) error {
	f, err := patternFile(r.Kind, r.Reference)
	if err != nil {
		return err
	}
	told, err := do(f)
	if err != nil {
		return &failure{err, kindOfPatternError(err)}
	}
	f.Changed(string(r.By))
	report(RuntimeChange{By: r.By, File: f.Name, Changed: pool.Changed{Key: string(r.Kind), To: told}})
	return nil
}

func kindOfPatternError(err error) error {
	switch {
	case errors.Is(err, sample.ErrNoPattern):
		return ErrUnknown
	case errors.Is(err, sample.ErrVersion), errors.Is(err, sample.ErrNotPrepared):
		return ErrConflict
	}
	return ErrInvalid
}
