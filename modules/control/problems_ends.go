// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// nameProblems returns host names of servers that are not found.
func nameProblems(time.Time) (all []Problem) {
	for _, r := range Resolvers() {
		if r.ID != "default" {
			continue // clients may ask for any name
		}
		for _, n := range r.Names {
			if n.Err == nil {
				continue
			}
			p := Problem{
				Severity: Warning, Kind: "name_failed", Since: n.LookedUp, What: fmt.Sprintf("The host name %s cannot be looked up: %s.", printable.Text(n.Host), printable.Message(n.Err.Error())),
				Advice: "The addresses found last are still in use. Check the name, and the DNS servers of this machine.",
			}
			if len(n.Addresses) == 0 {
				p.Advice = "Servers with this name get no connections. Check the name, and the DNS servers of this machine."
			}
			all = append(all, p)
		}
	}
	return all
}

const (
	// lately is the time in which ends of connections are looked at.
	lately = time.Minute
	// several is the number of like ends from which they are a problem.
	several = 5
)

// pattern is a kind of end that is a problem if there are several.
type pattern struct {
	kind string
	// is reports whether a connection has ended so.
	is func(*End) bool
	// place returns where: only the fields that belong together.
	place    func(*End) Problem
	what     func(*End) string
	severity Severity
	advice   string
}

// endProblems returns the problems that the last ends of connections show.
func endProblems(now time.Time) (all []Problem) {
	ends := slices.DeleteFunc(Ends(EndFilter{}, 0), func(e End) bool { return now.Sub(e.At) > lately })
	failed := slices.DeleteFunc(Ends(EndFilter{Failed: true}, 0), func(e End) bool { return now.Sub(e.At) > lately })
	for _, p := range failures {
		all = append(all, p.find(failed)...)
	}
	for _, p := range oddities {
		all = append(all, p.find(ends)...)
	}
	return all
}

// find returns the problems among ends, the newest of which are first.
func (p *pattern) find(ends []End) (all []Problem) {
	counts := make(map[Problem]int)
	newest := make(map[Problem]*End)
	for i := range ends {
		if e := &ends[i]; p.is(e) {
			place := p.place(e)
			if counts[place]++; newest[place] == nil {
				newest[place] = e
			}
		}
	}
	for place, n := range counts {
		if n >= several {
			place.Severity, place.Kind, place.What, place.Advice = p.severity, p.kind, p.what(newest[place]), p.advice
			all = append(all, place)
		}
	}
	slices.SortFunc(all, func(a, b Problem) int { return cmp.Compare(a.What, b.What) })
	return all
}

func ofServer(e *End) Problem   { return Problem{Backend: e.Backend, Server: e.Server} }
func ofBackend(e *End) Problem  { return Problem{Backend: e.Backend} }
func ofFrontend(e *End) Problem { return Problem{Frontend: e.Frontend} }

// failures are patterns of connections that were refused or failed.
var failures = []pattern{
	{
		kind: "no_resources", severity: Critical, place: func(*End) Problem { return Problem{} },
		is: func(e *End) bool { return e.End == tcplog.NoResources },
		what: func(*End) string {
			return "Connects to servers fail because this machine lacks descriptors, ports or memory."
		},
		advice: "Look at the error in the log of ends. Raise the limit of open files, or widen net.ipv4.ip_local_port_range.",
	},
	{
		kind: "connect_failures", severity: Warning, place: ofServer,
		is: func(e *End) bool { return e.End == tcplog.ConnectFailed || e.End == tcplog.ConnectTimeout },
		what: func(e *End) string {
			return fmt.Sprintf("Connections fail because server %s/%s %s.", e.Backend, e.Server, map[tcplog.End]string{tcplog.ConnectFailed: "cannot be reached", tcplog.ConnectTimeout: "does not answer connects in time"}[e.End])
		},
		advice: "Check the server's address and port, and that it runs. A health check keeps clients away from such a server.",
	},
	{
		kind: "queue_timeouts", severity: Critical, place: ofBackend,
		is: func(e *End) bool { return e.End == tcplog.QueueTimeout || e.End == tcplog.QueueFull },
		what: func(e *End) string {
			return fmt.Sprintf("Connections are refused after they have waited for a server of backend %s.", e.Backend)
		},
		advice: "Its servers are at their maxconn. Raise it, add servers, or let clients wait longer (the timeout queue).",
	},
	{
		kind: "server_resets", severity: Warning, place: ofServer,
		is:     func(e *End) bool { return e.End == tcplog.ServerReset },
		what:   func(e *End) string { return fmt.Sprintf("Server %s/%s resets connections.", e.Backend, e.Server) },
		advice: "Look at the server's own log. If it closes at once, it may not expect a PROXY header, or demand one.",
	},
	{
		kind: "unknown_names", severity: Warning, place: ofFrontend,
		is: func(e *End) bool { return e.End == tcplog.NoBackend },
		what: func(e *End) string {
			return fmt.Sprintf("Clients of frontend %s ask for names that no rule has a backend for.", e.Frontend)
		},
		advice: "The view of names lists the unknown ones. Add a rule or a default backend, or correct the DNS entry that leads here.",
	},
}

// oddities are patterns of connections that may have ended in order.
var oddities = []pattern{
	{
		kind: "tls_alerts", severity: Warning, place: ofServer,
		is: func(e *End) bool { return e.ServerAlert > 0 },
		what: func(e *End) string {
			return fmt.Sprintf("Server %s/%s refuses TLS handshakes, the last one by the alert %s.", e.Backend, e.Server, tcplog.AlertName(e.ServerAlert-1))
		},
		advice: "Often the server does not know the name that clients ask for: look at their names in the log of ends, and at the server's configuration.",
	},
	{
		kind: "retries", severity: Warning, place: ofBackend,
		is: func(e *End) bool { return e.Retries > 0 },
		what: func(e *End) string {
			return fmt.Sprintf("Connections to backend %s need several attempts to reach a server.", e.Backend)
		},
		advice: "A server refuses or misses connects although it counts as up. Look at the failed connects of its servers.",
	},
}
