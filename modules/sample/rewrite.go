// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"math"
	"strings"
)

// RewriteFiles returns the text of an expression with other file names in its maps: it calls file
// with each name and inserts the result. Prefixes stay, and names with virt@ are left alone, since
// they are not files. The expression must be well-formed; it is not validated otherwise.
func RewriteFiles(text string, file func(string) (string, error)) (string, error) {
	rewritten, end, err := rewriteAt(text, 0, file)
	if err == nil && end < len(text) {
		err = errors.New("missing comma after '" + text[:end] + "'")
	}
	if err != nil {
		return "", err
	}
	return rewritten, nil
}

// RewriteFormatFiles applies [RewriteFiles] to the expressions of a [Format] or a log format.
func RewriteFormatFiles(text string, file func(string) (string, error)) (string, error) {
	var b strings.Builder
	for at := 0; at < len(text); {
		percent := strings.IndexByte(text[at:], '%')
		if percent < 0 {
			b.WriteString(text[at:])
			break
		}
		b.WriteString(text[at : at+percent])
		at += percent
		bracket := at + 1 + decorations(text[at+1:])
		if !strings.HasPrefix(text[bracket:], "[") {
			two := min(2, len(text)-at)
			b.WriteString(text[at : at+two])
			at += two
			continue
		}
		rewritten, end, err := rewriteAt(text, bracket+1, file)
		if err != nil {
			return "", err
		}
		after, err := closeBracket(text, bracket+1, end)
		if err != nil {
			return "", err
		}
		b.WriteString(text[at:bracket+1] + rewritten + "]")
		at = after
	}
	return b.String(), nil
}

// decorations returns the length of the name in parentheses and the flags in braces that may stand
// between the percent sign and an expression of a log format.
func decorations(text string) (n int) {
	for _, pair := range []string{"()", "{}"} {
		if end := strings.IndexByte(text[n:], pair[1]); end > 0 && text[n] == pair[0] {
			n += end + 1
		}
	}
	return n
}

// rewriteAt rewrites the expression that starts at a position, and returns its end.
func rewriteAt(text string, at int, file func(string) (string, error)) (string, int, error) {
	var b strings.Builder
	for {
		name, args, end, err := keywordAt(text, at)
		if name == "" && b.Len() == 0 {
			return "", end, errors.New("missing fetch method")
		}
		if err != nil {
			return "", end, err
		}
		if b.Len() > 0 && isMap(name) && len(args) > 0 {
			renamed, err := rename(args[0].text, file)
			if err != nil {
				return "", end, err
			}
			b.WriteString(text[at:args[0].start] + quoteArg(renamed) + text[args[0].end:end])
		} else {
			b.WriteString(text[at:end])
		}
		if end == len(text) || text[end] != ',' {
			return b.String(), end, nil
		}
		b.WriteByte(',')
		at = end + 1
	}
}

// keywordAt finds the name and the arguments of the keyword that starts at a position, and its end.
func keywordAt(text string, at int) (name string, list []rawArg, end int, err error) {
	end = nameEnd(text, at)
	name = text[at:end]
	list, end, opened, err := lexArgs(text, end, math.MaxInt)
	if opened && err == nil {
		end, err = closeArgs(text, end)
	}
	return name, list, end, err
}

func rename(name string, file func(string) (string, error)) (string, error) {
	prefix, path := splitFileName(name)
	if prefix == prefixVirtual {
		return name, nil
	}
	renamed, err := file(path)
	return prefix + renamed, err
}

// TextExpression returns an expression with the value s.
func TextExpression(s string) string {
	return "str(" + quoteArg(s) + ")"
}
