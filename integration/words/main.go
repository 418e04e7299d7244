// SPDX-License-Identifier: Apache-2.0

// Command words counts wording that this project avoids, in the Go comments, messages and test
// names of the tree and in its documents, and fails if a file has more of it than allowed.txt
// says. That list may only shrink: -update lowers its numbers and never raises one.
//
// What each pattern is about, and what to write instead, is in patterns.go. -list prints every
// occurrence, -list NAME those of one pattern.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

const allowedFile = "integration/words/allowed.txt"

func main() {
	update := flag.Bool("update", false, "lower the numbers of "+allowedFile)
	list := flag.Bool("list", false, "print every occurrence, or those of the pattern named behind it")
	flag.Parse()
	if err := run(os.Stdout, *update, *list, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, update, list bool, pattern string) error {
	found, err := search()
	if err != nil {
		return err
	}
	if list {
		for _, o := range found {
			if pattern == "" || pattern == o.pattern {
				_, _ = fmt.Fprintf(w, "%s:%d: %s: %s\n", o.file, o.line, o.pattern, o.text)
			}
		}
		return nil
	}
	counts := count(found)
	text, err := os.ReadFile(allowedFile)
	if err != nil {
		return fmt.Errorf("reading what is allowed: %w", err)
	}
	allowed, err := parse(string(text))
	if err != nil {
		return err
	}
	summarize(w, counts, allowed)
	if update {
		return os.WriteFile(allowedFile, []byte(format(lower(allowed, counts))), 0o644) //nolint:gosec // a document, for everyone
	}
	return compare(counts, allowed)
}

// search returns the occurrences in every file that git tracks here.
func search() ([]occurrence, error) {
	out, err := exec.Command("git", "ls-files").Output()
	if err != nil {
		return nil, fmt.Errorf("listing files: %w", err)
	}
	var all []occurrence
	for name := range strings.FieldsSeq(string(out)) {
		if !covered(name) {
			continue
		}
		text, err := os.ReadFile(name) //nolint:gosec // of those that git tracks
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not committed yet
		}
		if err != nil {
			return nil, fmt.Errorf("reading a tracked file: %w", err)
		}
		found, err := inspect(name, text)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// covered reports whether a file has prose of this project. The patterns and their test would
// find themselves.
func covered(name string) bool {
	if strings.HasPrefix(name, "integration/words/") || strings.Contains(name, "/testdata/") {
		return false
	}
	return strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".md")
}
