// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

const (
	noteServerProbes = "servers are probed after 15 s unless srvtcpka-idle says otherwise, and every 15 s, not after the system's two hours"
	noteClientProbes = "clients are probed after 15 s unless clitcpka-idle says otherwise, and every 15 s, not after the system's two hours, also without the option: only 'no option clitcpka' turns it off; in mode http they are those of Caddy's http servers"
)

// probes says when TCP probes one side.
type probes struct {
	on, off        bool // the option, and "no" before it
	idle, interval caddy.Duration
	count          int
}

func ofServers(p *proxy) *probes { return &p.probes }
func ofClients(p *proxy) *probes { return &p.clientProbes }

// setProbing reads the options of sides.
func setProbing(sides ...func(*proxy) *probes) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) {
		for _, of := range sides {
			of(p).on, of(p).off = !s.not, s.not
		}
	}
}

// setProbeIdle reads the time before the first probe, in whole seconds.
func setProbeIdle(of func(*proxy) *probes) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) { of(p).idle = wholeSeconds(s.args[0]) }
}

// setProbeInterval reads the time between probes, in whole seconds.
func setProbeInterval(of func(*proxy) *probes) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) { of(p).interval = wholeSeconds(s.args[0]) }
}

func wholeSeconds(v string) caddy.Duration {
	d, _ := haproxyfile.ParseTime(v, time.Second)
	return caddy.Duration((d + time.Second - 1).Truncate(time.Second))
}

// setProbeCount reads the number of probes.
func setProbeCount(of func(*proxy) *probes) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) {
		if of(p).count = integer(s.args[0]); of(p).count > balancer.MaxProbes {
			of(p).count = 0
		}
	}
}
