// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"regexp"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// quietLogging is a configuration's logging that shows nothing: what is wrong is returned.
// The log stays where it is, since Caddy tells of a log that moves.
var quietLogging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: "FATAL"}}}}

// validateJSON provisions a configuration without running it, as caddy validate does.
func validateJSON(config []byte) error {
	c := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, c); err != nil {
		return err
	}
	c.Logging = quietLogging
	return caddy.Validate(c)
}

// problemFrom finds the line of a file in an error of Caddy's, which begins with the
// names of all modules on the way to what is wrong.
func problemFrom(err error, sources []haproxyfile.Source) *haproxyfile.Problem {
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
