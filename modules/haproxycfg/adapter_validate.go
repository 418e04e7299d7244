// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"regexp"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// silence is a configuration's logging that shows nothing: what is wrong is returned.
// The log stays where it is, since Caddy tells of a log that moves.
var silence = &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: "FATAL"}}}}

// validate provisions a configuration without running it, as caddy validate does.
func validate(config []byte) error {
	c := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, c); err != nil {
		return err
	}
	c.Logging = silence
	return caddy.Validate(c)
}

// problemOf finds the line of a file in an error of Caddy's, which begins with the
// names of all modules on the way to what is wrong.
func problemOf(err error, sources []haproxyfile.Source) *haproxyfile.Problem {
	if err == nil {
		return nil
	}
	text := err.Error()
	problem := &haproxyfile.Problem{Severity: haproxyfile.Error, Message: "Caddy would not run what the configuration comes to: " + text}
	for _, s := range sources {
		place := regexp.MustCompile(`(?s)(?:^|: )` + regexp.QuoteMeta(s.Name) + `:(\d+): (.*)`).FindStringSubmatch(text)
		if place == nil {
			continue
		}
		line, err := strconv.Atoi(place[1])
		if err != nil {
			continue
		}
		problem.Pos, problem.Message = haproxyfile.Pos{File: s.Name, Line: line}, place[2]
	}
	return problem
}

// withOrigins is the translation with the lines of the file that its parts come from.
func (t *translation) withOrigins() []byte {
	t.origins = true
	defer func() { t.origins = false }()
	return t.emit()
}

// originOfBackend says where a backend, its check and its servers stand.
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
		r.NoteAt("server", n.File, n.Line)
	}
	return r.Origin()
}

// originOfFrontend says where a frontend, its binds and its rules stand.
func (t *translation) originOfFrontend(p *proxy, binds []haproxyfile.Pos) options.Origin {
	if !t.origins {
		return ""
	}
	r := options.NewRecorderAt(p.File, p.Line)
	for _, at := range binds {
		r.NoteAt("bind", at.File, at.Line)
	}
	for _, u := range t.usesOf(p) {
		r.NoteAt("rule", u.File, u.Line)
	}
	if p.fallback.name != "" {
		r.NoteAt("default_backend", p.fallback.File, p.fallback.Line)
	}
	return r.Origin()
}
