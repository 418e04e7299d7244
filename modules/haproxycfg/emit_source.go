// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// firstProbe is the time before the first probe of a server unless srvtcpka-idle is given.
const firstProbe = caddy.Duration(15 * time.Second)

// emit returns the settings of a bind's keepalive. Without the option it is on, with the defaults.
func (k *probes) emit() (idle, interval caddy.Duration, count int) {
	switch {
	case k.off:
		return -1, 0, 0
	case k.on:
		return k.idle, k.interval, k.count
	default:
		return 0, 0, 0
	}
}

// emitSocket returns the options of the sockets to a backend's servers.
func (p *proxy) emitSocket() balancer.SocketOptions {
	o := p.source
	if isAnyAddress(o.Source) {
		o.Source = ""
	}
	if k := &p.probes; k.on {
		o.KeepaliveIdle, o.KeepaliveInterval, o.KeepaliveCount = cmp.Or(k.idle, firstProbe), k.interval, k.count
	}
	return o
}

// emitServerSocket returns those of one server. A Unix socket has none. An address that leaves the
// choice to the system is only needed in place of the backend's.
func (p *proxy) emitServerSocket(n *server) balancer.SocketOptions {
	o := n.SocketOptions
	if n.endpoint.Family.IsUnix() {
		return balancer.SocketOptions{}
	}
	if isAnyAddress(o.Source) && (o.Transparent != "" || o.Interface != "" || p.source == balancer.SocketOptions{}) {
		o.Source = ""
	}
	return o
}
