// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// A Loader reads expressions, criteria and formats. What it returns is safe for concurrent use; the Loader itself is
// not. Its zero value is ready.
//
// A file that is used several times is read once, and indexed once for each way of matching: the Loader is meant for
// one load of a configuration.
type Loader struct {
	// Open reads a file of patterns or of a map. With nil it is os.ReadFile.
	Open func(name string) ([]byte, error)

	// Checks says that the expressions are those of health checks: they look at what the server has answered, and not
	// at a client. Formats may name the host as %H.
	Checks bool
	// HTTP says that the expressions look at requests over HTTP, and not at the first bytes of a connection.
	HTTP bool

	files  map[string][]byte
	tables map[tableKey]table
	values map[valuesKey][]Value
}

// A tableKey is a file and a way of matching its patterns.
type tableKey struct {
	file, method string
	fold, pairs  bool
}

// A valuesKey is a map's file and the type that its values have.
type valuesKey struct {
	file string
	out  valueType
}

// The prefixes of file names: HAProxy has had the latter two since 2.7.
const (
	prefixFile     = "file@"
	prefixOptional = "opt@"
	prefixVirtual  = "virt@"
)

// splitFileName returns the prefix of a file name, and the name itself.
func splitFileName(name string) (prefix, path string) {
	for _, prefix := range []string{prefixFile, prefixOptional, prefixVirtual} {
		if path, ok := strings.CutPrefix(name, prefix); ok {
			return prefix, path
		}
	}
	return "", name
}

// read returns the content of a file.
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

// A line is one of a file that is neither empty nor a comment.
type line struct {
	key, value string // value only of a file of pairs
	number     int    // from 1
}

// readLines splits a file. A comment has its # in the first column. In a list the whole line is the pattern, with the
// blanks at its end; in a file of pairs the key ends at a blank, and the value is the rest without blanks around it.
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

// table returns the patterns of a file, for a method by its name.
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
