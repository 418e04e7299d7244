// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// validateScripts reports health check scripts that cannot work as a whole, of backends and of
// healthcheck sections. Sections with an invalid line are left out.
func (t *translation) validateScripts() {
	for _, p := range t.proxies {
		if p.isBackend() && !p.skipped && !p.invalid {
			t.validateScript(p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.checks)) {
		if p := t.checks[name]; !p.invalid {
			t.validateScript(p)
		}
	}
}

// validateScript builds the script of a section's health check and provisions it.
func (t *translation) validateScript(p *proxy) {
	h := &p.check
	if !h.hasRules() {
		return
	}
	_, made := t.emitScript(new(server), h)
	if made == nil {
		return
	}
	if err := provisionScript(made); err != nil {
		t.errorf(h.rules.Pos, "the checks of %s: %v", p, err)
	}
	if h.module == httpScript && !slices.ContainsFunc(h.rules.steps, func(s checkStep) bool { return s.Request != nil }) {
		t.warnf(h.rules.Pos, "the checks of %s send no request, as in HAProxy, since its own http-check rules replace the request of 'option httpchk' in its defaults: expected 'http-check send', or the option here", p)
	}
}

// provisionScript provisions a script, without the parts that need files.
func provisionScript(made caddy.Provisioner) error {
	steps := []*checks.Step(nil)
	switch c := made.(type) {
	case *checks.TCPScript:
		steps, c.TLS = c.Steps, nil
	case *checks.HTTPScript:
		steps, c.TLS = c.Steps, nil
	}
	for _, s := range steps {
		if s.Connect != nil {
			s.Connect.TLS = nil
		}
	}
	return made.Provision(caddy.Context{})
}
