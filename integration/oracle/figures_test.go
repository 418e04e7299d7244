// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// asksForHello matches a criterion about the ClientHello.
var asksForHello = regexp.MustCompile(`\breq[._]ssl_`)

// link matches a link in Markdown.
var link = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)

// reasons are the reasons for refusing found files, by the refused words. Other words are rarer
// reasons.
var reasons = []struct {
	reason string
	words  []string
}{
	{"cookies", []string{"cookie"}},
}

// figures are the numbers of found files that run.
type figures struct {
	all, run       int
	routers, route int // files that look at the ClientHello, and those of them that run
	skip, skipped  int // the same for those that run with --skip-http
	refused        map[string]int
}

// count counts a found file.
func (f *figures) count(s *scenario) {
	runs, asks := len(s.refused) == 0, asksForHello.MatchString(s.config)
	f.all++
	if asks {
		f.routers++
	}
	if runs && asks {
		f.route++
	}
	if runs || s.runsWithoutHTTP {
		f.skip++
		if asks {
			f.skipped++
		}
	}
	if runs {
		f.run++
		return
	}
	for _, r := range reasons {
		if slices.ContainsFunc(s.refused, func(word string) bool { return slices.Contains(r.words, word) }) {
			f.refused[r.reason]++
		}
	}
}

// String returns the paragraph about them in the documentation.
func (f *figures) String() string {
	var why strings.Builder
	for _, r := range reasons {
		fmt.Fprintf(&why, "%s in %d, ", r.reason, f.refused[r.reason])
	}
	return fmt.Sprintf("The tests hold %d complete configurations, written in the shape of those in use. Of these, %d run unchanged, among them %d of the %d that route by the ClientHello; "+
		"each is run in HAProxy as well, and must do the same there. With `--skip-http`, which leaves out the sections of mode http and TLS that ends at the proxy, %d do, %d of them routing so. The others are refused, and every word that is missing here is named with its line: %srarer ones in the rest.",
		f.all, f.run, f.route, f.routers, f.skip, f.skipped, &why)
}

// The documentation states how many of the found files run.
func TestFigures(t *testing.T) {
	f := figures{refused: make(map[string]int)}
	for _, name := range scenarioNames(t, folder) {
		if strings.HasPrefix(name, found) {
			f.count(readScenario(t, folder, name))
		}
	}
	if f.all < 60 {
		t.Errorf("only %d files were found", f.all)
	}
	for _, page := range []string{"../../README.md", "../../docs/haproxy.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		plain := link.ReplaceAllString(strings.Join(strings.Fields(string(text)), " "), "$1")
		if !strings.Contains(plain, f.String()) {
			t.Errorf("%s (docs/haproxy.md is made of modules/haproxycfg/document.md): expected\n%s", page, &f)
		}
	}
}
