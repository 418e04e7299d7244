// SPDX-License-Identifier: Apache-2.0

package patternfiles

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// A File is a file that the running configuration uses.
type File struct {
	// ID is a number from 0, which the file keeps as long as configurations use it.
	ID int
	// Name is the name in the configuration, without the prefix file@.
	Name string
	// Patterns are shared by all that use the file, so changes apply at once.
	Patterns *sample.Patterns
	// ChangedBy and ChangedAt are about the last change that Changed was called after.
	ChangedBy string
	ChangedAt time.Time

	content *content
}

// All returns the files, ACLs or maps, in the order in which they were first used.
func All(maps bool) (all []File) {
	files.mu.Lock()
	defer files.mu.Unlock()
	for _, f := range files.files {
		if f.isMap == maps {
			all = append(all, f.snapshot())
		}
	}
	return all
}

// Find returns the file that a reference means: a name, or # and an ID. The end of a path is
// enough, if it is that of one file only: haproxy.cfg may have relative names, which are made
// absolute when it is adapted.
func Find(maps bool, reference string) (File, bool) {
	files.mu.Lock()
	defer files.mu.Unlock()
	var like []*file
	for _, f := range files.files {
		switch {
		case f.isMap != maps:
		case f.name == reference || "#"+strconv.Itoa(f.id) == reference:
			return f.snapshot(), true
		case reference != "" && strings.HasSuffix(filepath.ToSlash(f.name), "/"+reference):
			like = append(like, f)
		}
	}
	if len(like) != 1 {
		return File{}, false
	}
	return like[0].snapshot(), true
}

// snapshot returns the file as the running configuration sees it. The caller holds the lock.
func (f *file) snapshot() File {
	c := f.current().content
	return File{ID: f.id, Name: f.name, Patterns: c.patterns, ChangedBy: c.by, ChangedAt: c.at, content: c}
}

// Changed remembers the origin of a change of the patterns at run time.
func (f File) Changed(by string) {
	files.mu.Lock()
	defer files.mu.Unlock()
	f.content.by, f.content.at = by, time.Now()
}

// Reset reads the file again, and drops the changes made at run time. It changes nothing if there
// is an error.
func (f File) Reset() error {
	b, err := sample.ReadFile(f.Name, os.ReadFile)
	if err != nil {
		return err
	}
	if err := f.Patterns.Reset(b); err != nil {
		return err
	}
	files.mu.Lock()
	defer files.mu.Unlock()
	f.content.sum = sha256.Sum256(b)
	return nil
}
