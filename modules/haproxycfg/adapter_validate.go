// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"regexp"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// quietLogging turns logging off during validation: errors are returned. The log keeps its output,
// because Caddy reports a log that changes it.
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

// problemFrom turns an error of Caddy into a problem. The line of the file is looked for inside the
// error, since Caddy puts the names of all modules on the way in front of it.
func problemFrom(err error, sources []haproxyfile.Source) *haproxyfile.Problem {
	if err == nil {
		return nil
	}
	text := err.Error()
	problem := &haproxyfile.Problem{Severity: haproxyfile.Error, Message: "Caddy refuses the translated configuration: " + text}
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
