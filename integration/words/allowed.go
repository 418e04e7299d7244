// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// key is a pattern in a file.
type key struct{ file, pattern string }

func count(found []occurrence) map[key]int {
	counts := map[key]int{}
	for _, o := range found {
		counts[key{o.file, o.pattern}]++
	}
	return counts
}

// parse reads lines of a file's name, a pattern and a number.
func parse(text string) (map[key]int, error) {
	allowed := map[key]int{}
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s:%d: expected a file, a pattern and a number", allowedFile, n+1)
		}
		number, err := strconv.Atoi(fields[2])
		if err != nil || number < 1 {
			return nil, fmt.Errorf("%s:%d: %q: expected a number of at least 1", allowedFile, n+1, fields[2])
		}
		allowed[key{fields[0], fields[1]}] = number
	}
	return allowed, nil
}

func sorted(counts map[key]int) []key {
	return slices.SortedFunc(maps.Keys(counts), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.pattern, b.pattern))
	})
}

// format writes the format that parse reads.
func format(allowed map[key]int) string {
	var b strings.Builder
	b.WriteString("# What may be left of each pattern in each file. The numbers may only become smaller:\n# go run ./integration/words -update\n")
	for _, k := range sorted(allowed) {
		fmt.Fprintf(&b, "%s %s %d\n", k.file, k.pattern, allowed[k])
	}
	return b.String()
}

// lower returns the allowed numbers, each lowered to the number found.
func lower(allowed, counts map[key]int) map[key]int {
	lowered := map[key]int{}
	for k, most := range allowed {
		if n := min(most, counts[k]); n > 0 {
			lowered[k] = n
		}
	}
	return lowered
}

// compare returns an error for each file with more than is allowed, or with less: the list is to
// be made smaller then.
func compare(counts, allowed map[key]int) error {
	var errs []error
	for _, k := range sorted(counts) {
		if n := counts[k]; n > allowed[k] {
			errs = append(errs, fmt.Errorf("%s: %q %d times, allowed %d; instead: %s", k.file, k.pattern, n, allowed[k], advice(k.pattern)))
		}
	}
	for _, k := range sorted(allowed) {
		if n := counts[k]; n < allowed[k] {
			errs = append(errs, fmt.Errorf("%s: %q %d times, allowed %d: lower it by go run ./integration/words -update", k.file, k.pattern, n, allowed[k]))
		}
	}
	return errors.Join(errs...)
}

func advice(name string) string {
	for _, p := range patterns {
		if p.name == name {
			return p.instead
		}
	}
	switch name {
	case "width":
		return fmt.Sprintf("wrap comments at %d columns", commentWidth)
	default:
		return `begin the comment of a function with its name and a verb: "open returns …", "close stops …"`
	}
}

// summarize prints how often each pattern is found, and how often it may be.
func summarize(w io.Writer, counts, allowed map[key]int) {
	found, may := map[string]int{}, map[string]int{}
	for k, n := range counts {
		found[k.pattern] += n
	}
	for k, n := range allowed {
		may[k.pattern] += n
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		_, _ = fmt.Fprintf(w, "%-10s %5d found, %5d allowed\n", name, found[name], may[name])
	}
}
