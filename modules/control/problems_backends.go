// SPDX-License-Identifier: Apache-2.0

package control

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

const (
	// forLong is the time after which maintenance and drains are worth a notice.
	forLong = 24 * time.Hour
	// named is the number of servers of a backend that get a line of their own, or are named in one.
	named = 3
)

// backendProblems returns those of backends and servers.
func backendProblems(now time.Time) (all []Problem) {
	for _, b := range Backends() {
		all = append(all, problemsOf(&b, now)...)
	}
	return all
}

// problemsOf returns those of a backend and its servers.
func problemsOf(b *Backend, now time.Time) (all []Problem) {
	down := serversThat(b, func(s *pool.ServerStatus) bool { return s.Down && s.Admin != pool.Maint })
	maint := serversThat(b, func(s *pool.ServerStatus) bool { return s.Admin == pool.Maint })
	unresolved := serversThat(b, func(s *pool.ServerStatus) bool { return s.Unresolved })
	if b.Down && len(b.Servers) > 0 {
		all = append(all, backendDown(b, down, maint, unresolved))
	}
	all = append(all, serversDown(b, down)...)
	if n := b.AllQueued(); n > 0 && !b.Down {
		all = append(all, Problem{
			Severity: Warning, Kind: "queue", Backend: b.Name, What: fmt.Sprintf("Connections to backend %s wait for a server.", b.Name),
			Advice: "All its servers are at their maxconn. Raise it, add servers, or find out what keeps connections open.",
		})
	}
	tooLong := func(s *pool.ServerStatus) bool { return now.Sub(s.Since) >= forLong }
	all = append(all, idleServers(b, "server_maint", "in maintenance for more than a day", "Set them ready when the work is done: such servers get no connections.", serversThat(b, func(s *pool.ServerStatus) bool { return s.Admin == pool.Maint && !s.Unresolved && tooLong(s) }))...)
	all = append(all, idleServers(b, "server_drain", "in drain mode for more than a day", "Stop them, or set them ready: such servers get no new connections.", serversThat(b, func(s *pool.ServerStatus) bool { return s.Admin == pool.Drain && tooLong(s) }))...)
	all = append(all, idleServers(b, "checks_disabled", "without the checks that are configured", "Enable them again: such a server stays up even if it fails.", serversThat(b, func(s *pool.ServerStatus) bool { return s.ChecksOff }))...)
	return append(all, warningsOf(b)...)
}

func serversThat(b *Backend, so func(*pool.ServerStatus) bool) (list []*pool.ServerStatus) {
	for i := range b.Servers {
		if so(&b.Servers[i]) {
			list = append(list, &b.Servers[i])
		}
	}
	return list
}

func backendDown(b *Backend, down, maint, unresolved []*pool.ServerStatus) Problem {
	p := Problem{Severity: Critical, Kind: "backend_down", Backend: b.Name, Since: b.Since, What: fmt.Sprintf("Backend %s has no usable server: its connections fail.", b.Name)}
	switch {
	case len(unresolved) == len(b.Servers):
		p.Advice = "No address of its servers is known: look at the log of the DNS or of what finds them."
	case len(maint) == len(b.Servers):
		p.Advice = "All its servers are in maintenance. Set one ready."
	case len(down) > 0:
		p.Advice = fmt.Sprintf("Server %s is down: %s. Look at the last check of each server.", down[0].Name, whyDown(down[0]))
	default:
		p.Advice = "Its servers are drained, in maintenance, or have the weight 0. Set one ready."
	}
	return p
}

// serversDown returns a problem for each server that is down, or one for all if there are many.
func serversDown(b *Backend, down []*pool.ServerStatus) (all []Problem) {
	advice := "Connections go to the other servers until it passes its checks again."
	if b.Down {
		advice = "No other server of the backend can take over: make one usable, or correct the check if it is wrong."
	}
	if len(down) > named {
		return []Problem{{
			Severity: Warning, Kind: "servers_down", Backend: b.Name, What: fmt.Sprintf("%d of %d servers of backend %s are down: %s and others.", len(down), len(b.Servers), b.Name, nameSome(down)),
			Advice: fmt.Sprintf("Server %s: %s. A cause that they share (a network, a release) is likely.", down[0].Name, whyDown(down[0])),
		}}
	}
	for _, s := range down {
		all = append(all, Problem{
			Severity: Warning, Kind: "server_down", Backend: b.Name, Server: s.Name, Since: s.Since, Advice: advice,
			What: fmt.Sprintf("Server %s/%s (%s) is down: %s.", b.Name, s.Name, printable.Text(s.Address), whyDown(s)),
		})
	}
	return all
}

// whyDown says why a server is down, by its last check.
func whyDown(s *pool.ServerStatus) string {
	check := s.Check
	switch {
	case s.Track != (pool.Ref{}):
		return "it follows " + s.Track.String()
	case s.AgentDown:
		check = s.Agent
	case check.At.IsZero() || check.Code.OK():
		return "set so by an operator, or by errors of its connections"
	}
	why := check.Code.String()
	if s.AgentDown {
		why = "its agent keeps it down"
	}
	if check.Info != "" {
		why += " (" + printable.Message(strings.TrimSuffix(check.Info, ".")) + ")"
	}
	return why
}

// idleServers returns the notice about servers that were left in some state, if there are any.
func idleServers(b *Backend, kind, state, advice string, list []*pool.ServerStatus) []Problem {
	if len(list) == 0 {
		return nil
	}
	p := Problem{Severity: Notice, Kind: kind, Backend: b.Name, Advice: advice, Since: list[0].Since}
	switch {
	case len(list) == 1:
		p.Server, p.What = list[0].Name, fmt.Sprintf("Server %s/%s is %s.", b.Name, list[0].Name, state)
	case len(list) > named:
		p.What = fmt.Sprintf("%d servers of backend %s are %s: %s and others.", len(list), b.Name, state, nameSome(list))
	default:
		p.What = fmt.Sprintf("%d servers of backend %s are %s: %s.", len(list), b.Name, state, nameSome(list))
	}
	return []Problem{p}
}

// nameSome returns the names of the first servers of a list.
func nameSome(list []*pool.ServerStatus) string {
	var names []string
	for _, s := range list[:min(len(list), named)] {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// warningsOf returns the warnings of checks that have passed, such as those about certificates.
func warningsOf(b *Backend) (all []Problem) {
	for i := range b.Servers {
		if s := &b.Servers[i]; s.Check.Warning != "" && !s.Down {
			all = append(all, Problem{
				Severity: Warning, Kind: "check_warning", Backend: b.Name, Server: s.Name, Since: s.Check.At,
				What: fmt.Sprintf("Server %s/%s: %s.", b.Name, s.Name, printable.Message(strings.TrimSuffix(s.Check.Warning, "."))), Advice: "The check has passed, and will fail if nothing is done.",
			})
		}
	}
	return all
}
