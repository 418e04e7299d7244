// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// A Loader parses expressions, criteria and formats. The results are safe for concurrent use; the
// Loader is not. Its zero value is ready to use.
//
// A file that is used several times is read once as a list and once as a map, and indexed once per
// matching method. So a Loader should be used for one load of a configuration only.
type Loader struct {
	// Open reads a file of patterns or of a map. Default: os.ReadFile.
	Open func(name string) ([]byte, error)

	// Checks selects the expressions of health checks, which examine the server's answer instead of a
	// client's bytes. Formats may contain %H, the host's name.
	Checks bool
	// HTTP selects the expressions for HTTP requests, instead of those for a connection's first bytes.
	HTTP bool

	// Files has the files that may change at run time. Default: the Loader reads them, and they do
	// not change.
	Files Files

	files map[fileKey]*View
}

// Files keeps the files of patterns and maps for the loaders of a configuration.
type Files interface {
	// View returns the configuration's view of the file of that name, as a map or a list. It calls
	// read for its content.
	View(name string, pairs bool, read func() ([]byte, error)) (*View, error)
}

// A fileKey identifies a file and how it is read.
type fileKey struct {
	name  string
	pairs bool
}

// Prefixes of file names. HAProxy supports the last two since 2.7.
const (
	prefixFile     = "file@"
	prefixOptional = "opt@"
	prefixVirtual  = "virt@"
)

// splitFileName splits a file name into its prefix and the path.
func splitFileName(name string) (prefix, path string) {
	for _, prefix := range []string{prefixFile, prefixOptional, prefixVirtual} {
		if path, ok := strings.CutPrefix(name, prefix); ok {
			return prefix, path
		}
	}
	return "", name
}

// ReadFile returns the content of a file of patterns or of a map, whose name may have a prefix.
func ReadFile(name string, open func(name string) ([]byte, error)) ([]byte, error) {
	prefix, path := splitFileName(name)
	if prefix == prefixVirtual {
		return nil, nil
	}
	content, err := open(path)
	if prefix == prefixOptional && errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("failed to open pattern file <%s>: %w", path, err)
	}
	return content, nil
}

// view returns the Loader's view of a file.
func (l *Loader) view(name string, pairs bool) (*View, error) {
	name = strings.TrimPrefix(name, prefixFile)
	read := func() ([]byte, error) {
		if l.Open != nil {
			return ReadFile(name, l.Open)
		}
		return ReadFile(name, os.ReadFile)
	}
	if l.Files != nil {
		return l.Files.View(name, pairs, read)
	}
	key := fileKey{name, pairs}
	if v := l.files[key]; v != nil {
		return v, nil
	}
	content, err := read()
	if err != nil {
		return nil, err
	}
	if l.files == nil {
		l.files = make(map[fileKey]*View)
	}
	l.files[key] = NewView(NewPatterns(name, content, pairs))
	return l.files[key], nil
}

// index returns the index of a file for a method.
func (l *Loader) index(name string, pairs bool, key indexKey) (*index, error) {
	v, err := l.view(name, pairs)
	if err != nil {
		return nil, err
	}
	return v.index(key)
}

// A line is a line of a file that is neither empty nor a comment.
type line struct {
	key, value string // value is set only in a file of pairs
	number     int    // from 1
}

// readLines splits a file into lines. A comment has # in the first column. In a list, the pattern
// is the whole line, trailing blanks included. In a file of pairs, the key ends at a blank, and the
// value is the rest without blanks around it.
func readLines(content []byte, pairs bool) []line {
	var lines []line
	number := 0
	for row := range strings.Lines(string(content)) {
		number++
		if row[0] == '#' {
			continue
		}
		row, _, _ = strings.Cut(row, "\n")
		row, _, _ = strings.Cut(row, "\r")
		l := line{key: strings.TrimLeft(row, " \t"), number: number}
		if l.key == "" {
			continue
		}
		if end := strings.IndexAny(l.key, " \t"); pairs && end >= 0 {
			l.key, l.value = l.key[:end], strings.Trim(l.key[end:], " \t")
		}
		lines = append(lines, l)
	}
	return lines
}

func atLine(err error, number int, name string) error {
	_, path := splitFileName(name)
	return fmt.Errorf("%w at line %d of file '%s'", err, number, path)
}
