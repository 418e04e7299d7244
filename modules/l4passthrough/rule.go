// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// Rule sends the connections that it matches to a backend, as HAProxy's use_backend
// does, or ends them.
type Rule struct {
	// MatcherSetsRaw are sets of layer4 matchers: all of a set must match, and
	// one set is enough. Without any the rule always matches. Matchers see the
	// bytes that have been read when the hello is whole, or content has been
	// decided; one that needs more does not match.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// UnlessRaw is the opposite of match, in place of it: the rule matches unless
	// one of the sets does.
	UnlessRaw []caddy.ModuleMap `json:"unless,omitempty" caddy:"namespace=layer4.matchers"`

	// Backend is the name of the backend. It may hold placeholders of the
	// connection such as {l4.client_hello.sni}: where they make the name of no
	// backend, the connection goes to the default backend, past all later rules,
	// as in HAProxy.
	Backend string `json:"backend,omitempty"`

	// BackendMap is a file that names a backend for each server name, in place
	// of Backend: "NAME BACKEND" on each line, where NAME has the forms of the
	// matcher client_hello's sni. The most specific name decides. A name that
	// is not in it does not match the rule. The file is read when the
	// configuration is loaded.
	BackendMap string `json:"backend_map,omitempty"`

	// BackendFormat makes the name of the backend, in place of Backend: text with
	// sample expressions such as %[req.ssl_sni,lower,map(/etc/sites.map)]. Where
	// that is the name of no backend, the connection goes to the default backend,
	// past all later rules. It is a use_backend of HAProxy with a dynamic name.
	BackendFormat string `json:"backend_format,omitempty"`

	// Backends, in place of Backend, deals the connections out to several backends by
	// weights. Connections for one of them that has no usable server end as no_server;
	// they do not go to the others. Caddyfile: use_backend_split.
	Backends []*Share `json:"backends,omitempty"`

	// Action, in place of Backend, ends the connections that the rule matches:
	// reject (a TLS alert access_denied where the client spoke TLS, then close),
	// close, reset or drop (the client is told nothing).
	Action string `json:"action,omitempty"`

	number    int // in the frontend, from 1
	condition content.Condition
	targets   targets
	table     names.Table // of a map that the router's table does not hold
}

func (r *Rule) provision(ctx caddy.Context, app *balancer.App) (err error) {
	if r.targets, err = newTargets(app, r); err != nil {
		return err
	}
	r.condition, err = content.LoadCondition(ctx, r, r.MatcherSetsRaw, r.UnlessRaw)
	return err
}

// String is how errors call the rule.
func (r *Rule) String() string {
	switch {
	case r.refuses():
		return r.Action
	case r.BackendMap != "":
		return fmt.Sprintf("backend_map %q", r.BackendMap)
	case len(r.Backends) > 0:
		return "backends " + sharesText(r.Backends)
	case r.BackendFormat != "":
		return fmt.Sprintf("backend_format %q", r.BackendFormat)
	default:
		return fmt.Sprintf("backend %q", r.Backend)
	}
}

// refuses reports whether the rule ends connections rather than send them on.
func (r *Rule) refuses() bool { return r.Action != "" }

// leadsOn reports whether connections go on by the rule, or might if it were well
// formed.
func (r *Rule) leadsOn() bool {
	return r == nil || !r.refuses() || r.Backend != "" || r.BackendMap != "" || r.BackendFormat != "" || len(r.Backends) > 0
}

// names are the server names that the rule consists of, and the places of their
// backends; ok is false where it looks at anything else.
func (r *Rule) names() (entries []entry, ok bool) {
	if r.targets.isMap {
		return r.targets.entries, r.matchesUnasked()
	}
	if r.condition.Unless {
		return nil, false
	}
	for _, set := range r.condition.Sets {
		if set.ACL != nil || len(set.Others) > 0 || set.Hello == nil || !set.Hello.NamesOnly() {
			return nil, false
		}
		patterns, _ := set.Hello.Names()
		for _, pattern := range patterns {
			entries = append(entries, entry{pattern: pattern})
		}
	}
	return entries, len(r.condition.Sets) > 0
}

// matchesAll reports whether the matchers let every hello through.
func (r *Rule) matchesAll() bool {
	return r.condition.Always() || !r.condition.Unless && slices.ContainsFunc(r.condition.Sets, anyHello)
}

// matchesUnasked reports whether they do so before any of them could fail.
func (r *Rule) matchesUnasked() bool {
	sets := r.condition.Sets
	return len(sets) == 0 || !r.condition.Unless && anyHello(sets[0])
}

// anyHello reports whether the set lets every hello through.
func anyHello(s content.Set) bool {
	return s.ACL == nil && len(s.Others) == 0 && (s.Hello == nil || s.Hello.Empty())
}

// needsRequest reports whether what the client sends has a part in where the
// rule leads.
func (r *Rule) needsRequest() bool {
	return r.condition.NeedsRequest() || r.targets.needRequest()
}
