// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// withOrigins emits the configuration with the origin of its parts: file and line.
func (t *translation) withOrigins() []byte {
	t.origins = true
	defer func() { t.origins = false }()
	return t.emit()
}

// originOfBackend returns the lines of a backend, its check and its servers.
func (t *translation) originOfBackend(p *proxy) options.Origin {
	if !t.origins {
		return ""
	}
	r := options.NewRecorderAt(p.File, p.Line)
	switch {
	case p.check.at.Line != 0:
		r.NoteAt("check", p.check.at.File, p.check.at.Line)
	case len(p.servers) > 0:
		r.NoteAt("check", p.servers[0].File, p.servers[0].Line)
	}
	for _, n := range p.servers {
		word := "server"
		if n.count > 0 {
			word = "server_template"
		}
		r.NoteAt(word, n.File, n.Line)
	}
	return r.Origin()
}

// originOfFrontend returns the lines of a frontend, its binds and its rules.
func (t *translation) originOfFrontend(p *proxy, binds []haproxyfile.Pos) options.Origin {
	if !t.origins {
		return ""
	}
	r := options.NewRecorderAt(p.File, p.Line)
	for _, at := range binds {
		r.NoteAt("bind", at.File, at.Line)
	}
	for _, u := range t.useBackendRules(p) {
		r.NoteAt("rule", u.File, u.Line)
	}
	if p.defaultBackend.name != "" {
		r.NoteAt("default_backend", p.defaultBackend.File, p.defaultBackend.Line)
	}
	return r.Origin()
}
