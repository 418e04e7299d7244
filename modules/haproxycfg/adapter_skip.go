// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// skipVariable and skipDirective turn on Options.SkipHTTP where there are no flags, as when Caddy
// calls the adapter.
const (
	skipVariable  = "HAPROXY_SKIP_HTTP"
	directiveWord = "caddy:"
	skipDirective = "skip-http"
)

// wantsSkip reports whether to leave out sections in mode http and binds with ssl.
func (t *translation) wantsSkip(sources []haproxyfile.Source, o Options) bool {
	skip := o.SkipHTTP
	if v, ok := o.Getenv(skipVariable); ok && v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			t.errorf(haproxyfile.Pos{File: sources[0].Name, Line: 1}, "the environment variable %s is %q: expected 1 or 0", skipVariable, v)
		}
		skip = skip || on
	}
	for _, s := range sources {
		skip = t.hasSkipDirective(s) || skip
	}
	return skip
}

// hasSkipDirective reports whether a file has a line with the directive, and warns of lines with
// any other.
func (t *translation) hasSkipDirective(s haproxyfile.Source) (found bool) {
	line := 0
	for text := range bytes.Lines(s.Text) {
		line++
		words := strings.Fields(string(text))
		if len(words) < 3 || words[0] != "#" || words[1] != directiveWord {
			continue
		}
		if words[2] != skipDirective || len(words) > 3 {
			t.warnf(haproxyfile.Pos{File: s.Name, Line: line}, "'# %s %s' is not a directive: expected '# %s %s'", directiveWord, strings.Join(words[2:], " "), directiveWord, skipDirective)
			continue
		}
		found = true
	}
	return found
}
