// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// targets are where a rule sends what it matches: to one backend, to several by weights,
// to the one that a template or a format names, or to that of the server name in a map.
type targets struct {
	backends []*balancer.Backend
	template string
	format   *sample.Format // nil: none
	app      *balancer.App  // for template and format
	split    *split         // nil: none
	isMap    bool
	entries  []entry // of the map, until they are in a table
}

// entry is a server name pattern and the place of its backend in backends.
type entry struct {
	pattern string
	place   int
}

func newTargets(app *balancer.App, r *Rule) (targets, error) {
	if err := r.checkTarget(); err != nil {
		return targets{}, err
	}
	switch {
	case r.refuses():
		return targets{}, checkRefusal(r.Action)
	case len(r.Backends) > 0:
		return newSplitTargets(app, r.Backends)
	case r.BackendMap != "":
		t, err := readMap(app, r.BackendMap)
		if err != nil {
			return t, fmt.Errorf("backend_map: %w", err)
		}
		return t, nil
	case r.BackendFormat != "":
		format, err := new(sample.Loader).Format(r.BackendFormat)
		if err != nil {
			return targets{}, fmt.Errorf("backend_format %q: %w", r.BackendFormat, err)
		}
		return targets{format: format, app: app}, nil
	case balancer.IsTemplate(r.Backend):
		return targets{template: r.Backend, app: app}, balancer.CheckNameTemplate(r.Backend)
	default:
		b, err := app.Backend(r.Backend)
		return targets{backends: []*balancer.Backend{b}}, err
	}
}

// checkTarget says whether the rule leads to exactly one thing.
func (r *Rule) checkTarget() error {
	var given []string
	for _, t := range []struct{ name, value string }{
		{"backend", r.Backend},
		{"backend_map", r.BackendMap},
		{"backend_format", r.BackendFormat},
		{"backends", sharesText(r.Backends)},
		{"action", r.Action},
	} {
		if t.value != "" {
			given = append(given, fmt.Sprintf("%s %q", t.name, t.value))
		}
	}
	switch len(given) {
	case 0:
		return errors.New("it has no backend and no action")
	case 1:
		return nil
	default:
		return fmt.Errorf("it has %s: expected one of the %s", strings.Join(given, " and "), []string{2: "two", 3: "three", 4: "four", 5: "five"}[len(given)])
	}
}

// readMap reads a file of server names and their backends.
func readMap(app *balancer.App, file string) (targets, error) {
	t := targets{isMap: true}
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
		t.entries = append(t.entries, entry{line.Pattern, place})
	}
	return t, nil
}

// at is the backend at a place; nil where a template or a format makes the name
// of none.
func (t *targets) at(place int, v *content.View) *balancer.Backend {
	switch {
	case t.format != nil:
		return t.app.Backends[t.format.String(&v.Input)]
	case t.template != "":
		return t.app.Backends[v.Connection().Replacer().ReplaceAll(t.template, "")]
	case t.split != nil:
		return t.backends[t.split.next()]
	default:
		return t.backends[place]
	}
}

// needRequest reports whether what the client sends has a part in the choice.
func (t *targets) needRequest() bool {
	return t.isMap || asksHello(t.template) || t.format != nil && t.format.NeedsRequest()
}

// asksHello reports whether a template has placeholders of a ClientHello.
func asksHello(template string) bool { return strings.Contains(template, "{l4.client_hello.") }
