// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// mapCommands show and change maps and the pattern files of ACLs. In HAProxy, changes need no
// level.
var mapCommands = []command{
	{words: "add acl", args: "[@<ver>] <acl> <pattern>", help: "add an acl entry", level: Operator, run: patterns(control.ACLs, addPattern)},
	{words: "add map", args: "[@<ver>] <map> <key> <val>", help: "add a map entry (payload supported instead of key/val)", level: Operator, run: patterns(control.Maps, addPattern)},
	{words: "clear acl", args: "[@<ver>] <acl>", help: "clear the contents of this acl", level: Operator, run: patterns(control.ACLs, clearPatterns)},
	{words: "clear map", args: "[@<ver>] <map>", help: "clear the contents of this map", level: Operator, run: patterns(control.Maps, clearPatterns)},
	{words: "commit acl", args: "@<ver> <acl>", help: "commit the ACL at this version", level: Operator, run: patterns(control.ACLs, commitPatterns)},
	{words: "commit map", args: "@<ver> <map>", help: "commit the map at this version", level: Operator, run: patterns(control.Maps, commitPatterns)},
	{words: "del acl", args: "<acl> [<key>|#<ref>]", help: "delete acl entries matching <key>", level: Operator, run: patterns(control.ACLs, deletePattern)},
	{words: "del map", args: "<map> [<key>|#<ref>]", help: "delete map entries matching <key>", level: Operator, run: patterns(control.Maps, deletePattern)},
	{words: "get acl", args: "<acl> <value>", help: "report the patterns matching a sample for an ACL", run: patterns(control.ACLs, getPattern)},
	{words: "get map", args: "<acl> <value>", help: "report the keys and values matching a sample for a map", run: patterns(control.Maps, getPattern)},
	{words: "prepare acl", args: "<acl>", help: "prepare a new version for atomic ACL replacement", level: Operator, run: patterns(control.ACLs, preparePatterns)},
	{words: "prepare map", args: "<acl>", help: "prepare a new version for atomic map replacement", level: Operator, run: patterns(control.Maps, preparePatterns)},
	{words: "set map", args: "<map> [<key>|#<ref>] <value>", help: "modify a map entry", level: Operator, run: patterns(control.Maps, setPattern)},
	{words: "show acl", args: "[@<ver>] <acl>]", help: "report available acls or dump an acl's contents", run: patterns(control.ACLs, showPatterns)},
	{words: "show map", args: "[@ver] [map]", help: "report available maps or dump a map's contents", run: patterns(control.Maps, showPatterns)},
}

// patternRequest is a command about maps, or about ACLs.
type patternRequest struct {
	*request
	kind control.PatternKind
	// args are those after the version, which is nil if it is not given.
	args    []string
	version *int
}

// patterns returns the function of a command.
func patterns(kind control.PatternKind, run func(*patternRequest) error) func(*request) error {
	return func(r *request) error {
		p := patternRequest{request: r, kind: kind, args: r.args}
		if text, given := strings.CutPrefix(r.arg(0), "@"); given {
			version, err := strconv.Atoi(text)
			if err != nil || version < 0 {
				return errVersion
			}
			p.version, p.args = &version, r.args[1:]
		}
		return p.inWords(run(&p))
	}
}

// arg returns an argument, or "" if there are fewer.
func (p *patternRequest) arg(i int) string {
	if i < len(p.args) {
		return p.args[i]
	}
	return ""
}

// ref returns the file that the first argument names.
func (p *patternRequest) ref() control.PatternsRef {
	return control.PatternsRef{By: control.BySocket, Kind: p.kind, Reference: p.arg(0)}
}

// called returns the kind as HAProxy's messages name it.
func (p *patternRequest) called() string {
	if p.kind == control.Maps {
		return "map"
	}
	return "ACL"
}

// refusal is an error in HAProxy's words.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

const errVersion = refusal("Version number out of range.")

// inWords returns an error in HAProxy's words.
func (p *patternRequest) inWords(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sample.ErrVersion):
		return errVersion
	case errors.Is(err, sample.ErrNotPrepared):
		return refuse("Version number in the future, please use 'prepare %s' before.", p.kind)
	case errors.Is(err, control.ErrUnknown) && !errors.Is(err, sample.ErrNoPattern):
		return p.unknownFile()
	case errors.Is(err, control.ErrInvalid):
		return refuse("%v.", err)
	}
	return err
}

func (p *patternRequest) unknownFile() error {
	return refuse("Unknown %s identifier. Please use #<id> or <file>.", p.called())
}

func (p *patternRequest) missingFile() error {
	return refuse("Missing %s identifier.", p.called())
}

// noEntry returns an error with the text if there is no such entry.
func noEntry(err error, text string) error {
	if errors.Is(err, sample.ErrNoPattern) {
		return refusal(text)
	}
	return err
}

// showPatterns lists the files, or the entries of one.
func showPatterns(p *patternRequest) error {
	if p.arg(0) == "" && p.version == nil {
		p.print("# id (file) description\n")
		for _, f := range control.PatternFiles(p.kind) {
			p.printf("%d (%s) %s. curr_ver=%d next_ver=%d entry_cnt=%d\n", f.ID, f.File, f.Description(), f.Version, f.NextVersion, f.Entries)
		}
		return nil
	}
	entries, err := control.PatternEntries(p.kind, p.arg(0), p.version)
	if err != nil {
		return err
	}
	for _, e := range entries {
		p.printf("0x%x %s", e.ID, e.Key)
		if p.kind == control.Maps {
			p.print(" ", e.Value)
		}
		p.print("\n")
	}
	return nil
}

// getPattern looks a value up by each method that the file is used with.
func getPattern(p *patternRequest) error {
	if p.arg(0) == "" || p.arg(1) == "" {
		return refuse("Missing %s identifier and/or key.", p.called())
	}
	matches, err := control.FindPattern(p.kind, p.arg(0), p.arg(1))
	if err != nil {
		return err
	}
	result, name := "match", "pattern"
	if p.kind == control.Maps {
		result, name = "found", "key"
	}
	for _, m := range matches {
		sensitivity, index := "sensitive", "list"
		if m.IgnoreCase {
			sensitivity = "insensitive"
		}
		if m.Tree {
			index = "tree"
		}
		p.printf("type=%s, case=%s, ", m.Method, sensitivity)
		if m.Entry == nil {
			p.printf("%s=no\n", result)
			continue
		}
		p.printf("%s=yes, idx=%s, %s=\"%s\"", result, index, name, m.Entry.Key)
		if p.kind == control.Maps {
			p.printf(", value=\"%s\", type=\"%s\"", m.Entry.Value, m.ValueType)
		}
		p.print("\n")
	}
	return nil
}
