// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
)

// LimitUse is a limit, and how much of it is used.
type LimitUse struct {
	// Name is maxconn, or a resource of limits.Overload: descriptors (in connections), memory or
	// unfinished_hellos (in bytes).
	Name string
	// Frontend is the one whose limit it is; empty: the process.
	Frontend    string
	Used, Limit int64
}

// Part returns the part of the limit that is used; 1: all of it.
func (l LimitUse) Part() float64 { return float64(l.Used) / float64(l.Limit) }

// Limits returns the limits of the process and of running frontends, the one that is nearest first.
func Limits() (all []LimitUse) {
	add := func(what, name string, used, limit int64) {
		if limit > 0 {
			all = append(all, LimitUse{what, name, used, limit})
		}
	}
	add("maxconn", "", int64(lifecycle.Connections()), limits.Process.MaxConn.Load())
	resources := limits.Overload.Report().Resources
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		add(name, "", resources[name].Used, resources[name].Limit)
	}
	for _, l := range frontend.AllLoads() {
		add("maxconn", l.Name, l.Connections, int64(l.MaxConn))
	}
	slices.SortStableFunc(all, func(a, b LimitUse) int { return cmp.Compare(b.Part(), a.Part()) })
	return all
}
