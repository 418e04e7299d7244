// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// readDefaults reads "defaults [NAME] [from NAME]".
func (t *translation) readDefaults(s haproxyfile.Section) {
	p := &proxy{Pos: s.Pos, kind: "defaults", acls: make(map[string]*acl), serversByName: make(map[string]*server)}
	args := s.Args
	if len(args) > 0 && args[0] != "from" {
		p.name, args = args[0], args[1:]
		t.validateName(s.Pos, "'defaults' name", p.name)
	}
	// A defaults section does not inherit from the one before it, unless it names it.
	before := len(t.problems)
	from := t.parent(p, args, new(proxy))
	p.inherit(from)
	if from.hasRules() {
		t.errorf(s.Pos, "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules (defaults section at %s): expected the rules in the sections that they are for", from.Pos)
	}
	p.duplicateOf = t.defaults[p.name]
	if p.name != "" {
		t.defaults[p.name] = p
	}
	p.takeLines(s.Lines)
	t.readLines(p, s.Lines)
	p.invalid = p.invalid || t.failedAfter(before)
	t.anonymous = p
}

// parent returns the defaults section that p inherits from.
func (t *translation) parent(p *proxy, args []string, implicit *proxy) *proxy {
	if len(args) == 0 {
		t.refer(p, implicit, false)
		return implicit
	}
	switch {
	case args[0] != "from" && p.kind != "defaults":
		t.errorf(p.Pos, "please use the 'bind' keyword for listening addresses: '%s' after the name of %s, expected nothing or 'from NAME'", args[0], p)
		return implicit
	case args[0] != "from" || len(args) != 2:
		t.errorf(p.Pos, "'%s' after the name of %s: expected nothing or 'from NAME'", args[0], p)
		return implicit
	}
	from := t.defaults[args[1]]
	if from == nil {
		t.errorf(p.Pos, "defaults section '%s' not found for %s%s", args[1], p, didYouMean(args[1], slices.Collect(maps.Keys(t.defaults))))
		return implicit
	}
	if from.duplicateOf != nil {
		t.errorf(p.Pos, "ambiguous defaults section name '%s' referenced by %s exists at least at %s and %s", from.name, p, from.duplicateOf.Pos, from.Pos)
	}
	t.refer(p, from, true)
	return from
}

// refer records whether a defaults section is used by name or implicitly. HAProxy complains if both
// occur.
func (t *translation) refer(p, from *proxy, byName bool) {
	if p.kind == "defaults" {
		return
	}
	from.byName, from.implied = from.byName || byName, from.implied || !byName
	if from.byName && from.implied {
		t.warnf(p.Pos, "%s (declared at %s) is explicitly referenced by another proxy and implicitly used here, or the reverse: expected 'from %s' in all sections or in none", from, from.Pos, from.name)
	}
}

// validateParent reports sections that may not inherit TCP rules from defaults, as HAProxy does.
func (t *translation) validateParent(p, from *proxy) {
	if !from.hasRules() {
		return
	}
	from.inheritors |= p.capabilities()
	switch {
	case p.kind == "backend" && len(from.connection)+len(from.session) > 0:
		t.errorf(p.Pos, "a backend section cannot inherit from a defaults section defining 'tcp-request connection' or 'tcp-request session' rules (defaults section at %s): expected them in the frontends", from.Pos)
	case p.kind == "listen":
		t.errorf(p.Pos, "a listen section cannot inherit from a defaults section defining TCP/HTTP rules (defaults section at %s): expected the rules in %s", from.Pos, p)
	case from.inheritors&inFrontend != 0 && from.inheritors&inBackend != 0:
		t.errorf(p.Pos, "frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules (defaults section at %s): expected the rules in %s", from.Pos, p)
	}
}

// declare adds a section by its name. Two sections of one kind must not share a name; a frontend
// and a backend may, as they could up to HAProxy 3.2.
func (t *translation) declare(p *proxy) {
	for _, of := range []struct {
		it    bool
		named map[string]*proxy
	}{{p.isFrontend(), t.frontends}, {p.isBackend(), t.backends}} {
		if !of.it {
			continue
		}
		if other := of.named[p.name]; other != nil {
			t.errorf(p.Pos, "%s has the same name as %s declared at %s: expected a name of its own", p, other, other.Pos)
			return
		}
		of.named[p.name] = p
	}
	t.proxies = append(t.proxies, p)
}
