// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Override is a value that differs from the configuration: of a server, of a frontend, or of the
// process, if all names are empty; or the entries of a map or a file of ACLs, which Key then says.
type Override struct {
	Backend, Server, Frontend string
	File                      string
	Key, Configured, Value    string
	// By says where it was set; agent stands for the server's agent. At is when.
	By string
	At time.Time
}

// Overrides returns all values that differ from the configuration, those of the process first, then
// those of frontends and of servers, by name, and then files of maps and ACLs.
func Overrides() (all []Override) {
	for _, l := range processLimits() {
		all = appendOverride(all, Override{Key: l.key}, l.of.Override())
	}
	frontends := frontend.AllOverrides()
	for _, name := range slices.Sorted(maps.Keys(frontends)) {
		o := frontends[name]
		if o.Disabled != nil {
			all = append(all, Override{Frontend: name, Key: "enabled", Configured: "true", Value: "false", By: o.Disabled.By, At: o.Disabled.At})
		}
		all = appendOverride(all, Override{Frontend: name, Key: "maxconn"}, o.MaxConn)
		all = appendOverride(all, Override{Frontend: name, Key: "rate_limit_sessions"}, o.SessionRate)
	}
	for _, o := range balancer.Registry().Overrides() {
		all = append(all, Override{Backend: o.Backend, Server: o.Server, Key: o.Key, Configured: o.Configured, Value: o.Value, By: o.By, At: o.At})
	}
	return append(all, patternOverrides()...)
}

// appendOverride appends an override of a number, unless it is nil.
func appendOverride(all []Override, of Override, o *limits.Override) []Override {
	if o == nil {
		return all
	}
	of.Configured, of.Value, of.By, of.At = strconv.Itoa(o.Configured), strconv.Itoa(o.Value), o.By, o.At
	return append(all, of)
}

// DropOverride returns values to those of the configuration, and reports how many have changed:
// those of a server, those of a frontend, or with all names empty those of the process. An empty
// key stands for all of its values. The kind of the error is ErrUnknown.
func DropOverride(by Origin, backend, server, frontendName, key string) (n int, err error) {
	switch {
	case frontendName != "":
		return dropFrontend(by, frontendName, key)
	case backend != "" || server != "":
		changed, err := balancer.Registry().DropOverride(pool.Ref{Backend: backend, Server: server}, key)
		if err != nil {
			return 0, serverFailure(backend, server, err)
		}
		reportServer(by, backend, server, changed)
		return len(changed), nil
	}
	for _, l := range processLimits() {
		if before := l.of.Load(); cmp.Or(key, l.key) == l.key && l.of.Drop() {
			n++
			for _, v := range changeOf(l.key, int(before), l.of.Configured()) {
				report(RuntimeChange{By: by, Changed: v})
			}
		}
	}
	return n, nil
}

// dropFrontend returns values of a frontend to those of the configuration.
func dropFrontend(by Origin, name, key string) (int, error) {
	changed, err := frontend.DropOverrides(name, key)
	if err != nil {
		return 0, frontendFailure(name, err)
	}
	for _, v := range changed {
		report(RuntimeChange{By: by, Frontend: name, Changed: v})
	}
	return len(changed), nil
}

// DropAllOverrides returns everything to the configuration, and reports how many values have
// changed. A file that cannot be read stays as it is.
func DropAllOverrides(by Origin) (n int) {
	for _, o := range Overrides() {
		if o.File != "" {
			if _, err := ResetPatterns(PatternsRef{by, PatternKind(o.Key), o.File}); err == nil {
				n++
			}
			continue
		}
		dropped, err := DropOverride(by, o.Backend, o.Server, o.Frontend, o.Key)
		if err == nil { // else it has gone meanwhile
			n += dropped
		}
	}
	return n
}
