// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// owner holds a name with its owner.
type owner struct {
	pattern string
	site    *Site // nil: it is one of the http server's own
}

// compileNames makes the table of names. The most specific one that matches wins.
func (w *Wrapper) compileNames() error {
	places := make(map[string]*Site)
	for _, s := range w.Sites {
		for _, pattern := range s.patterns {
			if other := places[pattern]; other != nil {
				return options.Locate(s.Origin.Block(), fmt.Errorf("passthrough %s: %w", pattern, twice(other)))
			}
			places[pattern] = s
			w.owners = append(w.owners, owner{pattern, s})
		}
	}
	for _, pattern := range ownHosts(w.server) {
		if s := places[pattern]; s != nil {
			return options.Locate(s.Origin.Block(), errBoth(s, pattern))
		}
		w.owners = append(w.owners, owner{pattern, nil})
	}
	if err := w.validateCovered(); err != nil {
		return err
	}
	slices.SortStableFunc(w.owners, func(a, b owner) int { return compareSpecificity(a.pattern, b.pattern) })
	for i, o := range w.owners {
		if err := w.table.Add(o.pattern, names.Target{Value: i}); err != nil {
			return err
		}
	}
	return nil
}

// validateCovered returns an error if a site would take connections of the http server's hosts of a
// form that package names does not have.
func (w *Wrapper) validateCovered() error {
	for _, host := range routeHosts(w.server.Routes) {
		i := strings.LastIndex(host, "*.")
		if i <= 0 {
			continue
		}
		for _, s := range w.Sites {
			for _, pattern := range s.patterns {
				if kind, _ := splitKind(pattern); kind != "*." && mayCover(pattern, strings.ToLower(host[i+len("*"):])) {
					return options.Locate(s.Origin.Block(), fmt.Errorf("passthrough %s: it would take connections of the site %s: expected names that do not match those", pattern, host))
				}
			}
		}
	}
	return nil
}

// twice returns the error for a name that another site has.
func twice(other *Site) error {
	if at := other.Origin.Block(); at != "" {
		return fmt.Errorf("the name is given twice, first at %s", at)
	}
	return fmt.Errorf("the name is given twice")
}

// compareSpecificity orders names with the more specific one first, as names.Table prefers them.
func compareSpecificity(a, b string) int {
	kindA, hostA := splitKind(a)
	kindB, hostB := splitKind(b)
	kinds := []string{"", "*.", ".", "+."}
	exact := func(kind string) int { return min(slices.Index(kinds, kind), 1) }
	return cmp.Or(
		cmp.Compare(exact(kindA), exact(kindB)),
		-cmp.Compare(len(hostA), len(hostB)),
		cmp.Compare(hostA, hostB),
		cmp.Compare(slices.Index(kinds, kindA), slices.Index(kinds, kindB)),
	)
}

// siteOf returns the site that the connections for a host are passed through to, or nil: the most
// specific name decides, and it may be one of the http server's own. It is safe for concurrent use.
func (w *Wrapper) siteOf(host string) *Site {
	var buffer [256]byte
	to, ok := w.table.Lookup(names.Normalize(buffer[:0], []byte(host)))
	if !ok {
		return nil
	}
	return w.owners[to.Value].site
}

// routed returns the names that the frontend must know, the most specific first. Names of the http
// server's own are among them only where something else would take their connections.
func (w *Wrapper) routed() (all []l4passthrough.Name) {
	covers := len(w.Rules) > 0 || w.DefaultBackend != "" || !w.Backend.Empty()
	for i, o := range w.owners {
		switch {
		case o.site != nil:
			all = append(all, l4passthrough.Name{Pattern: o.pattern, Backend: o.site.backend.Name()})
		case covers || slices.ContainsFunc(w.owners[i+1:], func(later owner) bool { return later.site != nil && mayCover(later.pattern, o.pattern) }):
			all = append(all, l4passthrough.Name{Pattern: o.pattern})
		}
	}
	return all
}

// mayCover reports whether names that match the pattern narrow may match the pattern wide, too.
func mayCover(wide, narrow string) bool {
	kind, host := splitKind(wide)
	return kind != "" && (narrow == host || strings.HasSuffix(narrow, "."+host))
}
