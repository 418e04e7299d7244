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
// A file that is used several times is read once, and indexed once per matching method. So a Loader
// should be used for one load of a configuration only.
type Loader struct {
	// Open reads a file of patterns or of a map. Default: os.ReadFile.
	Open func(name string) ([]byte, error)

	// Checks selects the expressions of health checks, which examine the server's answer instead of a
	// client's bytes. Formats may contain %H, the host's name.
	Checks bool
	// HTTP selects the expressions for HTTP requests, instead of those for a connection's first bytes.
	HTTP bool

	files  map[string][]byte
	tables map[tableKey]table
	values map[valuesKey][]Value
}

// A tableKey identifies a file and the way in which its patterns are matched.
type tableKey struct {
	file, method string
	fold, pairs  bool
}

// A valuesKey identifies a map's file and the type of its values.
type valuesKey struct {
	file string
	out  valueType
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

// read returns the contents of a file.
func (l *Loader) read(name string) ([]byte, error) {
	if content, ok := l.files[name]; ok {
		return content, nil
	}
	prefix, path := splitFileName(name)
	if prefix == prefixVirtual {
		return nil, nil
	}
	open := l.Open
	if open == nil {
		open = os.ReadFile
	}
	content, err := open(path)
	if prefix == prefixOptional && errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("failed to open pattern file <%s>: %w", path, err)
	}
	if l.files == nil {
		l.files = make(map[string][]byte)
	}
	l.files[name] = content
	return content, nil
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

// table returns the patterns of a file as a table for a method.
func (l *Loader) table(name, method string, fold, pairs bool) (table, error) {
	key := tableKey{name, method, fold, pairs}
	if t, ok := l.tables[key]; ok {
		return t, nil
	}
	content, err := l.read(name)
	if err != nil {
		return nil, err
	}
	lines := readLines(content, pairs)
	patterns := make([]string, len(lines))
	for k, line := range lines {
		patterns[k] = line.key
	}
	t, err := methodTable(method).build(patterns, fold)
	if fault, ok := errors.AsType[*patternError](err); ok {
		err = atLine(fault.err, lines[fault.position].number, name)
	}
	if err != nil {
		return nil, err
	}
	if l.tables == nil {
		l.tables = make(map[tableKey]table)
	}
	l.tables[key] = t
	return t, nil
}

func atLine(err error, number int, name string) error {
	_, path := splitFileName(name)
	return fmt.Errorf("%w at line %d of file '%s'", err, number, path)
}
