// SPDX-License-Identifier: Apache-2.0

// Package haproxyfile parses the language of haproxy.cfg: words, quotes, environment variables,
// sections, conditional blocks (".if"), and the values that many keywords share: times, sizes and
// addresses. The only keywords that it knows are those that change the environment. It opens no
// files and resolves no names.
//
// Whatever HAProxy rejects is an error, and whatever it silently ignores is at least a warning.
// Where versions of HAProxy differ, [Options.Branch] selects one; without it the strictest applies.
package haproxyfile

import (
	"maps"
	"slices"
	"strconv"
)

// Pos is a position in the configuration.
type Pos struct {
	File string // the [Source]'s Name
	Line int    // from 1
}

// String returns "file:line", as compilers print it, and "line N" if the file has no name.
func (p Pos) String() string {
	if p.File == "" {
		return "line " + strconv.Itoa(p.Line)
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Severity is the severity of a [Problem], on HAProxy's scale.
type Severity uint8

// The severities, in ascending order. An Error makes the configuration unusable.
const (
	Notice Severity = iota
	Warning
	Error
)

// String returns HAProxy's name of the severity.
func (s Severity) String() string {
	switch s {
	case Notice:
		return "NOTICE"
	case Warning:
		return "WARNING"
	case Error:
		return "ALERT"
	default:
		return "severity " + strconv.Itoa(int(s))
	}
}

// Problem is a message about the configuration.
type Problem struct {
	Pos
	Severity Severity
	Message  string
}

// String returns "file:line: message".
func (p Problem) String() string { return p.Pos.String() + ": " + p.Message }

// Line is a statement of a section.
type Line struct {
	Pos
	// Words holds at least one word. No word is empty or contains a NUL. Quotes and escapes are
	// removed, and variables expanded. The prefixes "no" and "default" are ordinary words.
	Words []string
}

// Section is a section of the configuration, from the line that opens it to the next such line or
// the end of the file.
type Section struct {
	Pos
	Kind  string   // its first word: "frontend"
	Args  []string // its other words
	Lines []Line
}

// Source is one file of a configuration.
type Source struct {
	Name string
	Text []byte
}

// Options holds options of [Read]. The zero value is usable.
type Options struct {
	// Getenv looks up an environment variable. Default: no variable is set. Variables that the
	// configuration sets come on top of it, as do those of HAProxy: HAPROXY_BRANCH and
	// HAPROXY_STARTUP_VERSION (Branch, unless Getenv has them), HAPROXY_LOCALPEER,
	// HAPROXY_TCP_LOG_FMT, HAPROXY_HTTP_LOG_FMT and HAPROXY_HTTPS_LOG_FMT.
	Getenv func(string) (string, bool)
	// LocalPeer is the value of HAPROXY_LOCALPEER, which HAProxy takes from -L or the host name.
	// Default: unset.
	LocalPeer string
	// Branch is the version of HAProxy that the configuration is written for, such as "3.2" or
	// "3.2.1". Without a third number it means the newest release of the branch.
	Branch string
	// IsSection reports whether a first word opens a section. Default: those of SectionKinds do.
	IsSection func(kind string) bool
}

// sectionKinds holds the sections of all versions of HAProxy since 2.0.
var sectionKinds = map[string]bool{
	"acme": true, "backend": true, "cache": true, "crt-list": true, "crt-store": true, "defaults": true, "fcgi-app": true,
	"frontend": true, "global": true, "healthcheck": true, "http-errors": true, "listen": true, "log-forward": true,
	"log-profile": true, "mailers": true, "peers": true, "program": true, "resolvers": true, "ring": true,
	"traces": true, "userlist": true,
}

// SectionKinds returns the words that open a section in any version of HAProxy since 2.0, sorted.
func SectionKinds() []string { return slices.Sorted(maps.Keys(sectionKinds)) }

// Read reads sources in order, as one configuration, like several "-f" options of HAProxy. A
// section ends with its source.
//
// The problems are in the order of the lines. If one is an [Error], the sections are incomplete. As
// in HAProxy, reading stops after 50 errors, and after an error in the structure of conditional
// blocks.
func Read(sources []Source, o Options) (sections []Section, problems []Problem) {
	r := newReader(o)
	for _, s := range sources {
		r.readSource(s)
		if r.stopped {
			break
		}
	}
	return r.sections, r.problems
}
