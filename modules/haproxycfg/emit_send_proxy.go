// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// emit returns the header of a server. Options and TLVs only belong to version 2.
func (h *serverHeader) emit() balancer.ProxyHeader {
	made := balancer.ProxyHeader{SendProxy: h.version()}
	if h.v2 {
		made.ProxyV2Options, made.ProxyV2TLVs = h.options, h.tlvs
	}
	return made
}

// sendProxy returns the version of the header that check-send-proxy asks for.
func (n *server) sendProxy() string { return cmp.Or(n.header.version(), "v1") }

// emitCheckHeader returns the header of a check: nothing for the default, which is the server's at
// the server's own address.
func (n *server) emitCheckHeader(h *healthCheck) string {
	switch {
	case h.connects() && n.header.version() != "":
		return "off" // the connect steps of a script have send-proxy of their own
	case h.connects() || !n.check.sendProxy:
		return ""
	default:
		return n.sendProxy()
	}
}

// emitStepHeader returns the header of a connect step.
func (n *server) emitStepHeader(o connectOptions) int {
	own := n.header.version() != "" && n.check.Address == "" && n.check.Port == 0
	if o.proxy || o.usual && (n.check.sendProxy || own) {
		return map[string]int{"v1": 1, "v2": 2}[n.sendProxy()]
	}
	return 0
}
