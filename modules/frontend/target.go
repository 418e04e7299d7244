// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"os"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Target is the destination of a rule: one backend, several by weight, the one that a template or
// a format names, or the one that a map has for the server name. Or it ends the connections, or
// passes them on.
type Target struct {
	backends []*balancer.Backend
	template string
	format   *sample.Format // nil: none
	app      *balancer.App  // for template and format
	split    *weightedSplit // nil: none
	isMap    bool
	entries  []mapEntry // of the map, until a table holds them
	file     string     // of the map
	refuses  bool
	verb     Verb // if refuses is set

	meters []*frequency.Meter                     // count the connections to backends; or one for all
	named  map[*balancer.Backend]*frequency.Meter // for template and format
	rest   *frequency.Meter                       // counts the connections to others than named
}

// mapEntry is a server name pattern and the index of its backend.
type mapEntry struct {
	pattern string
	index   int
}

// To returns a target that is one backend.
func To(b *balancer.Backend) Target { return Target{backends: []*balancer.Backend{b}} }

// ToTemplate returns a target named by a text with placeholders of the connection.
func ToTemplate(app *balancer.App, template string) Target {
	return Target{template: template, app: app}
}

// ToFormat returns a target named by a text with sample expressions.
func ToFormat(app *balancer.App, f *sample.Format) Target { return Target{format: f, app: app} }

// ToSplit returns a target that distributes connections among backends by weights, which must not
// all be 0.
func ToSplit(backends []*balancer.Backend, weights []int) Target {
	return Target{backends: backends, split: newSplit(weights)}
}

// Refuse returns a target that ends connections or, with Next, passes them on. The verb must not
// be UseBackend.
func Refuse(v Verb) Target { return Target{refuses: true, verb: v} }

// ToMap returns a target read from a file of server names and their backends.
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

// backendFor returns the backend at an index, or the one that a template or a format names, which
// may be nil, and what counts its connections.
func (t *Target) backendFor(place int, v *rules.View) (*balancer.Backend, *frequency.Meter) {
	switch {
	case t.format != nil:
		return t.namedBackend(t.format.String(&v.Input))
	case t.template != "":
		return t.namedBackend(v.Connection().Replacer().ReplaceAll(t.template, ""))
	case t.split != nil && v.Observe != nil:
		place = t.split.indexAt(t.split.counter.Load())
	case t.split != nil:
		place = t.split.nextIndex()
	}
	return t.backends[place], t.meterOf(place)
}

// needRequest reports whether the choice depends on what the client sends.
func (t *Target) needRequest() bool {
	return t.isMap || asksHello(t.template) || t.format != nil && t.format.NeedsRequest()
}

// asksHello reports whether a template has placeholders of the ClientHello.
func asksHello(template string) bool { return strings.Contains(template, "{l4.client_hello.") }
