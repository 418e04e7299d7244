// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"os"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Target is where a rule sends what it matches: to one backend, to several by weights,
// to the one that a template or a format names, or to that of the server name in a map.
// Or it is how the rule ends connections.
type Target struct {
	backends []*balancer.Backend
	template string
	format   *sample.Format // nil: none
	app      *balancer.App  // for template and format
	split    *weightedSplit // nil: none
	isMap    bool
	entries  []mapEntry // of the map, until they are in a table
	file     string     // of the map
	refuses  bool
	verb     Verb // if it refuses
}

// mapEntry is a server name pattern and the place of its backend in backends.
type mapEntry struct {
	pattern string
	index   int
}

// To returns the target that is one backend.
func To(b *balancer.Backend) Target { return Target{backends: []*balancer.Backend{b}} }

// ToTemplate returns the target that a text with placeholders of the connection names.
func ToTemplate(app *balancer.App, template string) Target {
	return Target{template: template, app: app}
}

// ToFormat returns the target that a text with sample expressions names.
func ToFormat(app *balancer.App, f *sample.Format) Target { return Target{format: f, app: app} }

// ToSplit returns the target that deals connections out to backends by their weights,
// which must not all be 0.
func ToSplit(backends []*balancer.Backend, weights []int) Target {
	return Target{backends: backends, split: newSplit(weights)}
}

// Refuse returns the target that ends connections. The verb is not UseBackend.
func Refuse(v Verb) Target { return Target{refuses: true, verb: v} }

// ToMap returns the target that a file of server names and their backends names.
func ToMap(app *balancer.App, file string) (Target, error) {
	t := Target{isMap: true, file: file}
	f, err := os.Open(file) //nolint:gosec // the configuration names it
	if err != nil {
		return t, err
	}
	defer f.Close()
	lines, err := names.ReadMap(file, f)
	if err != nil {
		return t, err
	}
	places := make(map[string]int)
	for _, line := range lines {
		place, known := places[line.Value]
		if !known {
			b, err := app.Backend(line.Value)
			if err != nil {
				return t, fmt.Errorf("%s:%d: %w", file, line.Line, err)
			}
			place = len(t.backends)
			places[line.Value] = place
			t.backends = append(t.backends, b)
		}
		t.entries = append(t.entries, mapEntry{line.Pattern, place})
	}
	return t, nil
}

// backendFor is the backend at a place; nil where a template or a format makes the name
// of none.
func (t *Target) backendFor(place int, v *rules.View) *balancer.Backend {
	switch {
	case t.format != nil:
		return t.app.Backends[t.format.String(&v.Input)]
	case t.template != "":
		return t.app.Backends[v.Connection().Replacer().ReplaceAll(t.template, "")]
	case t.split != nil:
		return t.backends[t.split.nextIndex()]
	default:
		return t.backends[place]
	}
}

// needRequest reports whether what the client sends has a part in the choice.
func (t *Target) needRequest() bool {
	return t.isMap || asksHello(t.template) || t.format != nil && t.format.NeedsRequest()
}

// asksHello reports whether a template has placeholders of a ClientHello.
func asksHello(template string) bool { return strings.Contains(template, "{l4.client_hello.") }
