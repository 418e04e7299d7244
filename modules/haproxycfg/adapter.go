// SPDX-License-Identifier: Apache-2.0

// Package haproxycfg is the Caddy config adapter "haproxy": it turns a haproxy.cfg into Caddy's
// JSON, so that an existing file runs unchanged. Every keyword of HAProxy is in a table that holds
// what it becomes, and docs/haproxy.md is written from the same tables. Nothing is dropped
// silently: a keyword that cannot change which server gets the traffic causes a warning, one that
// could is an error. Whatever HAProxy refuses is refused here too, with file and line.
//
// The package has three phases, which its files are named after: model (what the file says), emit
// (what it becomes) and adapter (the entry points). A file uses declarations of its own phase and
// of earlier ones only; see TestPhasesPointDown.
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

// DefaultBranch is the version of HAProxy whose defaults a file gets unless HAPROXY_BRANCH is set.
// It is the last version in which a backend without balance used roundrobin.
const DefaultBranch = "3.2"

// Adapter is the config adapter. Relative file names in the configuration start at the directory of
// its option "filename".
type Adapter struct{}

// Adapt translates a haproxy.cfg. The error has one line for each mistake.
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

// Options are the options of a translation.
type Options struct {
	// Getenv looks up environment variables. Default: os.LookupEnv.
	Getenv func(string) (string, bool)

	// SkipHTTP leaves out sections in mode http and binds with ssl. A warning names each, with the
	// lines of a Caddyfile that would serve it. HAPROXY_SKIP_HTTP=1 in the environment and a line "#
	// caddy: skip-http" do the same.
	SkipHTTP bool

	// Open reads a file that the configuration names. Default: os.ReadFile.
	Open func(name string) ([]byte, error)

	// Validate validates the translated configuration, whose parts have their origins in it. Its error
	// becomes one of the problems. Default: no validation.
	Validate func(config []byte) error
}

// Result is the result of a translation.
type Result struct {
	JSON     []byte // Caddy's configuration; nil after an error
	Problems []haproxyfile.Problem
	Failed   bool // one of the problems is an error
	Binds    int  // the number of addresses to listen on

	// Caddyfile would serve the sections left out; empty: none.
	Caddyfile string
}

// Translate turns the sources, read as one configuration, into Caddy's JSON. It reads the files
// that they name in order to validate them.
func Translate(sources []haproxyfile.Source, o Options) Result {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	branch, _ := o.Getenv(branchVariable)
	t := newTranslation(cmp.Or(branch, DefaultBranch))
	t.branchGiven = branch != ""
	t.loader.Open, t.checkLoader.Open = o.Open, o.Open
	if len(sources) > 0 && sources[0].Name != "" {
		if dir, err := filepath.Abs(filepath.Dir(sources[0].Name)); err == nil {
			t.baseDir = dir
		}
	}
	language := haproxyfile.Options{Getenv: o.Getenv, Branch: t.branch}
	language.LocalPeer, _ = os.Hostname()
	sections, problems := haproxyfile.Read(sources, language)
	t.localPeer = cmp.Or(t.localPeer, language.LocalPeer)
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

// sortProblems sorts the problems by file and line.
func (t *translation) sortProblems(sources []haproxyfile.Source) {
	rank := make(map[string]int, len(sources))
	for i, s := range sources {
		rank[s.Name] = i
	}
	slices.SortStableFunc(t.problems, func(a, b haproxyfile.Problem) int {
		return cmp.Or(cmp.Compare(rank[a.File], rank[b.File]), cmp.Compare(a.Line, b.Line))
	})
}
