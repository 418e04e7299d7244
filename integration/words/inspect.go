// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// commentWidth is the maximum width of a comment, indentation included, with a tab as one column.
const commentWidth = 100

// occurrence is a line with wording that a pattern finds.
type occurrence struct {
	file, pattern, text string
	line                int
}

type inspection struct {
	file  string
	found []occurrence
}

func (i *inspection) note(pattern string, line int, text string) {
	i.found = append(i.found, occurrence{i.file, pattern, strings.TrimSpace(text), line})
}

// look looks for the patterns of a place in a line.
func (i *inspection) look(in place, line int, text string) {
	for _, p := range patterns {
		if p.in&in != 0 && p.find(text) {
			i.note(p.name, line, text)
		}
	}
}

// inspect returns the occurrences in a file.
func inspect(name string, text []byte) ([]occurrence, error) {
	i := &inspection{file: name}
	if strings.HasSuffix(name, ".md") {
		i.document(string(text))
		return i.found, nil
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parsing a Go file: %w", err)
	}
	at := func(pos token.Pos) int { return set.Position(pos).Line }
	for _, group := range file.Comments {
		for _, c := range group.List {
			i.comment(set.Position(c.Pos()), c.Text)
		}
	}
	isTest := strings.HasSuffix(name, "_test.go")
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind == token.STRING && !isTest {
				i.message(at(n.Pos()), n.Value)
			}
		case *ast.FuncDecl:
			if isTest {
				i.look(names, at(n.Pos()), n.Name.Name)
			}
			if n.Doc != nil && !isTest && !startsWithVerb(n.Name.Name, n.Doc.Text()) {
				i.note("func-doc", at(n.Pos()), n.Doc.Text())
			}
		}
		return true
	})
	return i.found, nil
}

func (i *inspection) comment(at token.Position, text string) {
	if strings.HasPrefix(text, "//go:") || strings.HasPrefix(text, "//nolint") {
		return
	}
	for n, line := range strings.Split(text, "\n") {
		i.look(comments, at.Line+n, line)
		if indent := at.Column - 1; n == 0 && indent+len([]rune(line)) > commentWidth && !strings.Contains(line, "//nolint") {
			i.note("width", at.Line, line)
		}
	}
}

// message looks at a string literal line by line, if it has words.
func (i *inspection) message(at int, literal string) {
	text, err := strconv.Unquote(literal)
	if err != nil || !strings.Contains(text, " ") {
		return
	}
	for n, line := range strings.Split(text, "\n") {
		i.look(messages, at+n, line)
	}
}

var code = regexp.MustCompile("`[^`]*`")

// document looks at prose, without fenced blocks and code in backquotes.
func (i *inspection) document(text string) {
	fenced := false
	for n, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if !fenced {
			i.look(prose, n+1, code.ReplaceAllString(line, "CODE"))
		}
	}
}

// notVerbs end in s and say nothing about what a function does.
var notVerbs = []string{"is", "has", "was", "does"}

// startsWithVerb reports whether the comment of a function begins as Go's convention has it: with
// the function's name and a verb in the third person.
func startsWithVerb(name, doc string) bool {
	words := strings.Fields(doc)
	if len(words) < 2 || words[0] != name {
		return false
	}
	verb := strings.TrimRight(words[1], ",;:.")
	return strings.HasSuffix(verb, "s") && !slices.Contains(notVerbs, verb)
}
