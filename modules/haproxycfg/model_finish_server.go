// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// validateServer returns an error message for a server as a whole, or nothing.
func (t *translation) validateServer(p *proxy, n *server) string {
	switch {
	case n.invalid:
		return ""
	case n.agentCheck && n.agent.Port == 0:
		return "server " + n.Name + " does not have agent port. Agent check has been disabled: expected 'agent-port' beside 'agent-check'"
	case n.check.on && n.Track != "":
		return "unable to enable checks and tracking at the same time!"
	case n.Track != "":
		return t.validateTrack(p, n)
	}
	return cmp.Or(t.validateServerNames(n), t.validateServerCheck(p, n), t.validateServerTLS(p, n), t.validateServerPort(p, n), t.validateServerSource(p, n))
}

// validateServerNames returns an error message for a name that a server's options must know.
func (t *translation) validateServerNames(n *server) string {
	switch {
	case !slices.Contains([]string{"", "none", "required"}, n.check.verify):
		return "'verify' : unknown verify method '" + n.check.verify + "', only 'none' and 'required' are supported"
	case n.Resolvers != "" && t.resolvers[n.Resolvers] == nil && !t.incomplete:
		return "unable to find required resolvers '" + n.Resolvers + "'" + didYouMean(n.Resolvers, slices.Collect(maps.Keys(t.resolvers)))
	}
	return ""
}

// validateServerCheck returns an error message for a server's health check, or nothing.
func (t *translation) validateServerCheck(p *proxy, n *server) string {
	if isClientDestination(&n.endpoint) && (n.check.on && n.check.Address == "" || n.agentCheck && n.agent.Address == "") {
		return "it has a check, and its address is that of each connection: expected 'addr ADDRESS' beside 'check', 'agent-addr ADDRESS' beside 'agent-check'"
	}
	if n.check.on && !n.endpoint.HasPort && n.service() == "" && n.check.Port == 0 && !t.checkOf(p, n).hasPort() && !n.endpoint.Family.IsUnix() {
		return "it has neither service port nor check port: expected 'port N' beside 'check', or ADDRESS:PORT"
	}
	return message(t.validateCheckSection(p, n))
}

// validateServerTLS returns an error message for the files that verify a server, or nothing.
func (t *translation) validateServerTLS(p *proxy, n *server) string {
	if t.speaksTLS(p, n) && t.verifies(n) && n.check.caFile == "" {
		return "verify is enabled by default but no CA file specified: expected 'verify none' or 'ca-file FILE' beside 'check-ssl'"
	}
	// HAProxy reads these files even if nothing uses them.
	return message(errors.Join(t.validateCA(n.check.caFile), t.validateCRL(n.tls.crl)))
}

// validateServerPort returns an error message for a server in mode http that has no port, if none
// can be found. In mode tcp it gets the port that the client connected to.
func (t *translation) validateServerPort(p *proxy, n *server) string {
	if n.endpoint.HasPort || n.endpoint.Family.IsUnix() || !p.isHTTP() || p.disabled {
		return ""
	}
	if t.portFor(p) != 0 || t.hasInvalidLines(p) {
		return ""
	}
	return "it has no port, and the frontends that lead here do not all listen on the same one: expected ADDRESS:PORT"
}

// message returns the text of an error, or nothing without one.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// validateTrack returns an error message for a server that tracks another one, or nothing.
func (t *translation) validateTrack(p *proxy, n *server) string {
	section, name := n.tracked(p)
	b := t.backends[section]
	if b == nil && t.incomplete {
		return ""
	}
	if b == nil {
		return "unable to find required proxy '" + section + "' for tracking"
	}
	switch other := b.serversByName[name]; {
	case b.skipped:
		return "it tracks a server of " + b.quotedName() + " (" + b.Pos.String() + "), which is in mode http and left out: expected 'check' instead"
	case other != nil && other.invalid:
	case other == nil:
		return "unable to find required server '" + name + "' for tracking"
	case other.tracksTo(t, b, n):
		return fmt.Sprintf("unable to track %s/%s as it belongs to a tracking chain looping back to %s/%s", section, name, p.name, n.Name)
	case !other.check.on && !other.agentCheck && other.Track == "":
		return fmt.Sprintf("unable to use %s/%s for tracking as it does not have any check nor agent enabled", section, name)
	}
	return ""
}

// tracked returns the server that n tracks: "BACKEND/SERVER", or "SERVER" in the same section.
func (n *server) tracked(p *proxy) (section, name string) {
	if section, name, ok := strings.Cut(n.Track, "/"); ok {
		return section, name
	}
	return p.name, n.Track
}

// tracksTo reports whether a chain of tracking servers leads to end.
func (n *server) tracksTo(t *translation, p *proxy, end *server) bool {
	for range 1000 {
		if n == nil || n == end || n.Track == "" {
			return n == end
		}
		section, name := n.tracked(p)
		if p = t.backends[section]; p == nil {
			return false
		}
		n = p.serversByName[name]
	}
	return true
}

// setsPorts reports whether a rule changes the ports that clients connect to.
func (t *translation) setsPorts() bool {
	sets := func(r rule) bool { return r.action == actionNames["set-dst-port"] }
	return slices.ContainsFunc(t.proxies, func(p *proxy) bool {
		return slices.ContainsFunc(slices.Concat(p.connection, p.session, p.content), sets)
	})
}

// portFor returns the one port of all frontends that lead to a backend, or 0 if there are several.
func (t *translation) portFor(b *proxy) int {
	port := 0
	for p := range t.frontendsOf(b) {
		for _, bound := range p.binds {
			if bound.Port == 0 || bound.PortHigh > bound.Port || port != 0 && port != bound.Port {
				return 0
			}
			port = bound.Port
		}
	}
	return port
}

// hasInvalidLines reports whether the backend, or a frontend that leads to it, has an invalid line.
func (t *translation) hasInvalidLines(b *proxy) bool {
	return b.invalid || slices.ContainsFunc(t.proxies, func(p *proxy) bool { return p.invalid && p.leadsTo(b) })
}
