// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

var program programs.Caddy

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.stop != nil {
		chromium.stop()
	}
	program.Remove()
	os.Exit(code)
}

// serve serves a document with a policy, and the script /script.js.
func serve(t *testing.T, policy, document string) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/script.js" {
			fmt.Fprint(w, `console.error("wrong"); setTimeout(() => { throw new Error("thrown") })`)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, document)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// The recorder of a tab sees all that the tests of the page say the page does not do.
func TestRecorder(t *testing.T) {
	t.Parallel()
	s := serve(t, "script-src 'self'; img-src http:",
		`<!doctype html><title>t</title><script src=/script.js></script><script>var inline</script><img src="http://other.test:1/x.png">`)
	b := newTab(t)
	b.do(chromedp.Navigate(s))
	for _, want := range []string{`console: error: "wrong"`, "Error: thrown", "policy: script-src", "http://other.test:1/x.png"} {
		until(t, want, func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.ContainsFunc(append(slices.Clone(b.faults), b.requests...), func(line string) bool { return strings.Contains(line, want) })
		})
	}
}
