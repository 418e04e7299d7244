// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"os"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// targets are where a rule sends what it matches: to one backend, to the one
// that a template names, or to that of the server name in a map.
type targets struct {
	backends []*balancer.Backend
	template string
	app      *balancer.App // for template
	isMap    bool
	entries  []entry // of the map, until they are in a table
}

// entry is a server name pattern and the place of its backend in backends.
type entry struct {
	pattern string
	place   int
}

func newTargets(app *balancer.App, r *Rule) (targets, error) {
	switch {
	case r.Backend == "" && r.BackendMap == "":
		return targets{}, errors.New("it has no backend")
	case r.Backend != "" && r.BackendMap != "":
		return targets{}, fmt.Errorf("it has backend %q and backend_map %q: expected one of the two", r.Backend, r.BackendMap)
	case r.BackendMap != "":
		t, err := readMap(app, r.BackendMap)
		if err != nil {
			return t, fmt.Errorf("backend_map: %w", err)
		}
		return t, nil
	case balancer.IsTemplate(r.Backend):
		return targets{template: r.Backend, app: app}, balancer.CheckNameTemplate(r.Backend)
	default:
		b, err := app.Backend(r.Backend)
		return targets{backends: []*balancer.Backend{b}}, err
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

// at is the backend at a place; nil where a template makes the name of none.
// connection is called only if there is a template.
func (t *targets) at(place int, connection func() *layer4.Connection) *balancer.Backend {
	if t.template == "" {
		return t.backends[place]
	}
	return t.app.Backends[connection().Replacer().ReplaceAll(t.template, "")]
}
