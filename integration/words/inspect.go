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
	err := i.goFile(text)
	return i.found, err
}

// goFile looks at the comments, the messages and the names in a Go file.
func (i *inspection) goFile(text []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, i.file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parsing a Go file: %w", err)
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			i.comment(set.Position(c.Pos()), c.Text)
		}
	}
	isTest := strings.HasSuffix(i.file, "_test.go")
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind == token.STRING && !isTest {
				i.message(set.Position(n.Pos()).Line, n.Value)
			}
		case *ast.FuncDecl:
			i.function(set.Position(n.Pos()).Line, n, isTest)
		}
		return true
	})
	return nil
}

// function looks at the name of a test, or at whether a comment begins as Go's convention has it.
func (i *inspection) function(at int, f *ast.FuncDecl, isTest bool) {
	switch {
	case isTest:
		i.look(names, at, f.Name.Name)
	case f.Doc != nil && !startsWithVerb(f.Name.Name, f.Doc.Text()):
		i.note("func-doc", at, f.Doc.Text())
	}
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
