// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslogwriter"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// The loggers of a section: of a frontend's connections or requests, and of the states of a
// backend's servers.
const (
	connectionLogger = "passthrough.frontend."
	requestLogger    = "http.log.access."
	stateLogger      = "passthrough.backend."
)

// accessLog makes requestLogger, with a name behind it, the logger of an http server.
type accessLog struct {
	Logger string `json:"default_logger_name"`
}

// sectionLoggers are the loggers of a section; an empty name is of none.
type sectionLoggers struct{ connections, requests, states string }

// targetLog collects the loggers of a target: all sections with the same target share it.
type targetLog struct {
	writer                        json.RawMessage
	connections, requests, states []string
}

// targetLogs holds the logs in the order of their targets.
type targetLogs struct {
	all   []*targetLog
	byKey map[string]*targetLog
}

// emitLogging returns the logs, or nil if the file has no log line. Each section logs to its own
// targets and nowhere else, except that Caddy's log has the states of servers as well, which
// HAProxy prints.
func (t *translation) emitLogging(app *balancer.App) *caddy.Logging {
	if !t.logs {
		return nil
	}
	var traffic []string // all loggers of connections and requests
	targets := targetLogs{byKey: make(map[string]*targetLog)}
	encoder := &tcplog.Encoder{Priority: true}
	for _, p := range t.proxies {
		if p.disabled || p.skipped {
			continue
		}
		of := t.loggersOf(p, app)
		encoder.StructuredData = encoder.StructuredData || of.connections != "" && p.logging.structured.text != ""
		traffic = appendName(appendName(traffic, of.connections), of.requests)
		targets.add(t.writersOf(p), of)
	}
	logs := map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {Exclude: traffic}}
	for i, l := range targets.all {
		name := fmt.Sprint("haproxy", i+1)
		if c := l.log(append(l.connections, joined(l.states, app)...), traffic); c != nil {
			c.EncoderRaw = caddyconfig.JSONModuleObject(encoder, "format", "tcplog", nil)
			logs[name] = c
		}
		if c := l.log(l.requests, traffic); c != nil {
			c.EncoderRaw = json.RawMessage(`{"format":"json"}`)
			logs[name+"_requests"] = c
		}
	}
	return &caddy.Logging{Logs: logs}
}

// loggersOf returns the loggers of a section.
func (t *translation) loggersOf(p *proxy, app *balancer.App) (of sectionLoggers) {
	switch {
	case !p.isFrontend():
	case p.isHTTP() && len(p.binds) > 0:
		of.requests = requestLogger + p.name
	case !p.isHTTP() && app.FrontendsRaw[p.name] != nil:
		of.connections = connectionLogger + p.name
	}
	if p.isBackend() && app.Backends[p.name] != nil {
		of.states = stateLogger + p.name
	}
	return of
}

// add adds the loggers of a section to the logs of its targets. A target that a section has twice
// gets each line twice, as in HAProxy.
func (l *targetLogs) add(writers []json.RawMessage, of sectionLoggers) {
	seen := make(map[string]int)
	for _, w := range writers {
		seen[string(w)]++
		key := fmt.Sprint(seen[string(w)], string(w))
		to := l.byKey[key]
		if to == nil {
			to = &targetLog{writer: w}
			l.byKey[key], l.all = to, append(l.all, to)
		}
		to.connections, to.requests, to.states = appendName(to.connections, of.connections), appendName(to.requests, of.requests), appendName(to.states, of.states)
	}
}

func appendName(names []string, name string) []string {
	if name == "" {
		return names
	}
	return append(names, name)
}

// log returns the log of some loggers, or nil without any. Caddy takes a name for the beginning of
// others, so those of other sections are excluded.
func (l *targetLog) log(loggers, others []string) *caddy.CustomLog {
	if len(loggers) == 0 {
		return nil
	}
	c := &caddy.CustomLog{Include: loggers}
	c.WriterRaw = l.writer
	for _, other := range others {
		if !slices.Contains(loggers, other) && slices.ContainsFunc(loggers, func(logger string) bool { return strings.HasPrefix(other, logger+".") }) {
			c.Exclude = append(c.Exclude, other)
		}
	}
	return c
}

// joined returns the loggers of backends, or the name that they share if all backends are among
// them: Caddy compares the logger of each line with the whole list.
func joined(states []string, app *balancer.App) []string {
	if len(states) < len(app.Backends) || len(states) == 0 {
		return states
	}
	return []string{strings.TrimSuffix(stateLogger, ".")}
}

// writersOf returns the writers of a section's targets.
func (t *translation) writersOf(p *proxy) (writers []json.RawMessage) {
	for _, l := range p.targets {
		for _, w := range t.writers(l) {
			w.Tag = cmp.Or(p.tag, t.tag, "haproxy")
			writers = append(writers, caddyconfig.JSONModuleObject(w, "output", "syslog", nil))
		}
	}
	return writers
}

// writers returns the writers of a target: one, or those of a ring's servers. The
// options of a ring take precedence.
func (t *translation) writers(l *logTarget) (writers []*syslogwriter.Writer) {
	w := l.Writer
	w.Length = cmp.Or(w.Length, logLength)
	if l.ring == "" && !l.nowhere {
		w.Hostname = t.logHostname(w.Format)
		return []*syslogwriter.Writer{&w}
	}
	r := t.rings[l.ring]
	if r == nil {
		return nil
	}
	w.Format = cmp.Or(r.format, "raw")
	w.Hostname = t.logHostname(w.Format)
	if r.length > 0 {
		w.Length = min(w.Length, r.length+1) // here with the newline
	}
	if r.size > syslog.MinBuffer {
		w.Buffer = min(r.size, syslog.MaxBuffer)
	}
	for _, s := range r.servers {
		to := w
		to.Address, to.Framing = s.address, s.framing
		writers = append(writers, &to)
	}
	return writers
}

// logHostname returns the host name in messages of a format. Without log-send-hostname, HAProxy
// writes placeholders.
func (t *translation) logHostname(format string) string {
	switch format {
	case "", "local":
		return t.hostname
	case "rfc3164":
		return cmp.Or(t.hostname, "localhost")
	case "rfc5424":
		return cmp.Or(t.hostname, "-")
	default:
		return ""
	}
}
