// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// whole skips a test unless all tests of the page are to run (make page).
func whole(t *testing.T) {
	t.Helper()
	if os.Getenv("PAGE") != "whole" {
		t.Skip("runs in make page")
	}
}

// finding is something of a page that axe-core found to be wrong.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target         []any
		FailureSummary string
	}
}

func (f finding) String() string {
	text := fmt.Sprintf("%s (%s): %s", f.ID, f.Impact, f.Help)
	for i, node := range f.Nodes {
		if i == 5 {
			return fmt.Sprintf("%s\n\t… %d more", text, len(f.Nodes)-i)
		}
		text += fmt.Sprintf("\n\t%v %s", node.Target, strings.ReplaceAll(node.FailureSummary, "\n", " "))
	}
	return text
}

// findings returns what axe-core finds in the tab: breaches of WCAG 2.2 (A, AA) and of its best
// practices.
func (b *tab) findings() []finding {
	b.t.Helper()
	// From npm, by make page: .ci/tools/package-lock.json has its version and its digest.
	script, err := os.ReadFile(filepath.Join("..", "..", ".ci", "tools", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.Evaluate[chromedp.Void](string(script) + ";undefined"))
	return evaluate[[]finding](b, `axe.run({resultTypes: ["violations"], elementRef: false}).then(r => r.violations)`)
}

// accessible fails the test if axe-core finds something serious.
func (b *tab) accessible(what string) {
	b.t.Helper()
	for _, f := range b.findings() {
		if f.Impact == "serious" || f.Impact == "critical" {
			b.t.Errorf("%s: %v", what, f)
		} else {
			b.t.Logf("%s: %v", what, f)
		}
	}
}

// axe-core runs under the page's policy, and finds the faults of a page.
func TestAxe(t *testing.T) {
	t.Parallel()
	whole(t)
	s := serve(t, `default-src 'none'; style-src 'self'; script-src 'self'`, `<!doctype html><title>t</title><img src="x.png"><p style="color:#eee">faint`)
	b := newTab(t)
	b.do(chromedp.Navigate(s))
	found := make(map[string]string)
	for _, f := range b.findings() {
		found[f.ID] = f.Impact
	}
	if found["image-alt"] != "critical" || found["html-has-lang"] != "serious" {
		t.Errorf("found %v", found)
	}
}
