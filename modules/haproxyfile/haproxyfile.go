// SPDX-License-Identifier: Apache-2.0

// Package haproxyfile reads a haproxy.cfg as a language: words, quotes, environment variables,
// sections and the conditional blocks (".if"), and the values that many keywords share: times,
// sizes and addresses. It knows no keyword but the four that change the environment, opens no file
// and resolves no name.
//
// What HAProxy refuses is refused, and what it ignores without a word is at least a warning. Where
// the versions of HAProxy differ, [Options.Branch] decides, and without that the strictest of them
// is followed.
package haproxyfile

import "strconv"

// Pos is where something stands.
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

// Severity tells how bad a [Problem] is, in HAProxy's steps.
type Severity uint8

// The severities, the least first. With an Error the configuration cannot be used.
const (
	Notice Severity = iota
	Warning
	Error
)

// String returns the name that HAProxy gives it.
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

// Problem is something to tell whoever wrote the configuration.
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
	// Words holds at least one word. No word is empty, and none holds a NUL. What was quoted, escaped
	// or a variable cannot be told from it any more. The prefixes "no" and "default" are words like
	// others.
	Words []string
}

// Section is a section of the configuration, from the line that names it to the next such line or
// the end of the file.
type Section struct {
	Pos
	Kind  string   // its first word: "frontend"
	Args  []string // the words after that
	Lines []Line
}

// Source is one file of a configuration.
type Source struct {
	Name string
	Text []byte
}

// Options of [Read]. The zero value is of use.
type Options struct {
	// Getenv looks an environment variable up. Default: there is none. What a configuration itself
	// sets is kept apart, as are the variables that HAProxy adds: HAPROXY_BRANCH and
	// HAPROXY_STARTUP_VERSION (Branch, unless Getenv has them), HAPROXY_LOCALPEER, and
	// HAPROXY_TCP_LOG_FMT, HAPROXY_HTTP_LOG_FMT and HAPROXY_HTTPS_LOG_FMT.
	Getenv func(string) (string, bool)
	// LocalPeer is the value of HAPROXY_LOCALPEER, which HAProxy has from -L or the host's name.
	// Default: unset.
	LocalPeer string
	// Branch is the version of HAProxy that the configuration is meant for, such as "3.2" or "3.2.1".
	// One without its third number stands for the newest release of its branch.
	Branch string
	// IsSection tells which first words open a section. Default: those of HAProxy 3.5.
	IsSection func(kind string) bool
}

// sectionKinds are the sections that any version of HAProxy since 2.0 knows.
var sectionKinds = map[string]bool{
	"acme": true, "backend": true, "cache": true, "crt-store": true, "defaults": true, "fcgi-app": true,
	"frontend": true, "global": true, "healthcheck": true, "http-errors": true, "listen": true, "log-forward": true,
	"log-profile": true, "mailers": true, "peers": true, "program": true, "resolvers": true, "ring": true,
	"traces": true, "userlist": true,
}

// Read reads sources, in their order, as one configuration: HAProxy's several "-f". A section ends
// with its source.
//
// The problems are in the order of the lines. If one of them is an [Error], the sections are not
// all that there are. After 50 of these the rest is not read, nor after one in the structure of
// conditional blocks, as in HAProxy.
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
