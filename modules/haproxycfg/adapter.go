// SPDX-License-Identifier: Apache-2.0

// Package haproxycfg is the Caddy config adapter "haproxy": it turns a
// haproxy.cfg into Caddy's JSON, so that an existing file runs as it stands. Every
// keyword that HAProxy has stands in a table that says what becomes of it, and
// docs/haproxy.md is made of the same tables. Nothing is dropped in silence:
// what cannot change who gets the traffic is a warning, what could is an error.
// What HAProxy refuses is refused here, too, with the file and the line. Sections
// in mode http are translated as far as redirecting to HTTPS takes; Caddy's own
// http app does that better than any translation.
package haproxycfg

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

func init() {
	caddyconfig.RegisterAdapter("haproxy", Adapter{})
}

// DefaultBranch is the version of HAProxy whose defaults a file gets unless
// HAPROXY_BRANCH is set: the last in which a backend without balance was
// roundrobin.
const DefaultBranch = "3.2"

// Adapter is the config adapter. The option "filename" is where relative file
// names within the configuration begin.
type Adapter struct{}

// Adapt translates a haproxy.cfg. The error holds a line for each mistake.
func (Adapter) Adapt(body []byte, options map[string]any) ([]byte, []caddyconfig.Warning, error) {
	name, _ := options["filename"].(string)
	r := Translate([]haproxyfile.Source{{Name: name, Text: body}}, Options{})
	var warnings []caddyconfig.Warning
	var mistakes []string
	for _, p := range r.Problems {
		if p.Severity == haproxyfile.Error {
			mistakes = append(mistakes, p.String())
			continue
		}
		warnings = append(warnings, caddyconfig.Warning{File: p.File, Line: p.Line, Message: p.Message})
	}
	if len(mistakes) > 0 {
		return nil, warnings, errors.New(strings.Join(mistakes, "\n"))
	}
	return r.JSON, warnings, nil
}

// Options of a translation.
type Options struct {
	// Getenv is the environment. Default: the process's.
	Getenv func(string) (string, bool)

	// SkipHTTP leaves sections of mode http out, and binds with ssl: each is
	// warned of, with the lines of a Caddyfile that would serve it. So do
	// HAPROXY_SKIP_HTTP=1 in the environment and a line "# caddy: skip-http".
	SkipHTTP bool

	// Open reads a file that the configuration names. Default: os.ReadFile.
	Open func(name string) ([]byte, error)

	// Validate says what is wrong with what the configuration comes to, whose parts
	// have their origin in it. Its error is a problem like others. Default: nothing is.
	Validate func(config []byte) error
}

// Result of a translation.
type Result struct {
	JSON     []byte // Caddy's configuration; nil where it failed
	Problems []haproxyfile.Problem
	Failed   bool // one of the problems is an error
	Binds    int  // how many addresses are listened on

	// Caddyfile would serve what was left out; empty: nothing was.
	Caddyfile string
}

// Translate turns the sources, which are read as one configuration, into
// Caddy's JSON. Files that they name are read to be checked.
func Translate(sources []haproxyfile.Source, o Options) Result {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	branch, _ := o.Getenv(branchVariable)
	said := branch != ""
	if !said {
		branch = DefaultBranch
	}
	t := newTranslation(branch)
	t.branchGiven = said
	t.loader.Open, t.checkLoader.Open = o.Open, o.Open
	if len(sources) > 0 && sources[0].Name != "" {
		if dir, err := filepath.Abs(filepath.Dir(sources[0].Name)); err == nil {
			t.baseDir = dir
		}
	}
	language := haproxyfile.Options{Getenv: o.Getenv, Branch: branch}
	language.LocalPeer, _ = os.Hostname()
	sections, problems := haproxyfile.Read(sources, language)
	t.problems, t.getenv = problems, haproxyfile.Environment(sections, language)
	t.incomplete = t.failed()
	t.skipHTTP = t.wantsSkip(sources, o)
	t.read(sections)
	t.validate()
	t.validateScripts()
	t.warnSkipped()
	t.warnNotices()
	r := Result{Binds: t.countBinds(), Failed: t.failed(), Caddyfile: t.caddyfile}
	if !r.Failed {
		r.JSON = t.emit()
	}
	if !r.Failed && o.Validate != nil {
		if p := problemFrom(o.Validate(t.withOrigins()), sources); p != nil {
			t.problems, r.Failed, r.JSON = append(t.problems, *p), true, nil
		}
	}
	t.sortProblems(sources)
	r.Problems = t.problems
	return r
}

// sortProblems puts the problems in the order of the lines.
func (t *translation) sortProblems(sources []haproxyfile.Source) {
	rank := make(map[string]int, len(sources))
	for i, s := range sources {
		rank[s.Name] = i
	}
	slices.SortStableFunc(t.problems, func(a, b haproxyfile.Problem) int {
		return cmp.Or(cmp.Compare(rank[a.File], rank[b.File]), cmp.Compare(a.Line, b.Line))
	})
}
