// SPDX-License-Identifier: Apache-2.0

package control

import (
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// AddPatterns adds entries to a version; nil means the current one. It adds all or none of them.
// Entries with equal keys may exist: the first one counts. It is HAProxy's add map and add acl.
func AddPatterns(r PatternsRef, version *int, entries ...PatternEntry) error {
	return r.change(func(f patternfiles.File) (string, error) {
		pairs := make([]sample.Pair, len(entries))
		for i, e := range entries {
			pairs[i] = sample.Pair{Key: e.Key, Value: e.Value}
		}
		if version == nil {
			return fmt.Sprintf("%d added", len(pairs)), f.Patterns.Add(pairs...)
		}
		return fmt.Sprintf("%d added to version %d", len(pairs), *version), f.Patterns.AddTo(*version, pairs...)
	})
}

// SetPattern sets the value of all entries of a map that have the key, in all versions. It is
// HAProxy's set map.
func SetPattern(r PatternsRef, key, value string) error {
	return r.change(func(f patternfiles.File) (string, error) {
		n, err := f.Patterns.SetKey(key, value)
		return fmt.Sprintf("%d set: %s %s", n, key, value), err
	})
}

// SetPatternID sets the value of one entry of a map.
func SetPatternID(r PatternsRef, id uint64, value string) error {
	return r.change(func(f patternfiles.File) (string, error) {
		return fmt.Sprintf("entry %d set: %s", id, value), f.Patterns.SetID(id, value)
	})
}

// DeletePattern removes all entries that have the key, in all versions. It is HAProxy's del map and
// del acl.
func DeletePattern(r PatternsRef, key string) error {
	return r.change(func(f patternfiles.File) (string, error) {
		n, err := f.Patterns.DeleteKey(key)
		return fmt.Sprintf("%d deleted: %s", n, key), err
	})
}

// DeletePatternID removes one entry.
func DeletePatternID(r PatternsRef, id uint64) error {
	return r.change(func(f patternfiles.File) (string, error) {
		return fmt.Sprintf("entry %d deleted", id), f.Patterns.DeleteID(id)
	})
}

// ClearPatterns removes all entries of a version; nil means the current one.
func ClearPatterns(r PatternsRef, version *int) error {
	return r.change(func(f patternfiles.File) (string, error) {
		if version == nil {
			f.Patterns.Clear()
			return "cleared", nil
		}
		f.Patterns.ClearVersion(*version)
		return fmt.Sprintf("version %d cleared", *version), nil
	})
}

// PreparePatterns begins a new version, which is not in use before CommitPatterns, and returns its
// number.
func PreparePatterns(r PatternsRef) (version int, err error) {
	err = r.change(func(f patternfiles.File) (string, error) {
		version = f.Patterns.Prepare()
		return fmt.Sprintf("version %d prepared", version), nil
	})
	return version, err
}

// CommitPatterns puts a version into use, all entries at once.
func CommitPatterns(r PatternsRef, version int) error {
	return r.change(func(f patternfiles.File) (string, error) {
		return fmt.Sprintf("version %d committed", version), f.Patterns.Commit(version)
	})
}

// patternOverrides returns the files whose entries were changed.
func patternOverrides() (all []Override) {
	for _, kind := range []PatternKind{Maps, ACLs} {
		for _, f := range patternfiles.All(kind == Maps) {
			if n := f.Patterns.Edits(); n > 0 {
				all = append(all, Override{
					File: f.Name, Key: string(kind), Configured: "the file", Value: fmt.Sprintf("%d changes", n), By: f.ChangedBy, At: f.ChangedAt,
				})
			}
		}
	}
	return all
}

// ResetPatterns makes the entries those of the file, which it reads again, and returns the number
// of changes that this drops.
func ResetPatterns(r PatternsRef) (dropped int, err error) {
	err = r.change(func(f patternfiles.File) (string, error) {
		dropped = f.Patterns.Edits()
		return fmt.Sprintf("%d changes dropped", dropped), f.Reset()
	})
	return dropped, err
}
