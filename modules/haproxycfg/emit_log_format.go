// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// emitLineOptions returns the options about the log of a frontend that has a target for it. HAProxy
// writes the line of a connection as soon as everything in its format is known, and without a
// format when it accepts the connection.
func (p *proxy) emitLineOptions() (l l4passthrough.Logging) {
	o := &p.logging
	if len(p.targets) == 0 {
		return l
	}
	l = l4passthrough.Logging{
		LogFormat: o.format.text, LogFormatSD: o.structured.text, ErrorLogFormat: o.failed.text, LogSteps: o.steps,
		DontLogNull: o.nullNo, DontLogNormal: o.normalNo, LogSeparateErrors: o.separate,
	}
	switch {
	case !o.tcplog && o.format.text == "" && len(o.steps) > 0:
	case !o.tcplog && o.format.text == "":
		l.LogFormat, l.LogAsSoonAs = connectFormat, "accepted"
	case len(o.steps) > 0:
	case o.asap || !o.tcplog && !o.format.atEnd && !o.structured.atEnd:
		l.LogAsSoonAs = "connected"
	}
	return l
}

// usesCaptures reports whether a format of the section has what rules have captured.
func (p *proxy) usesCaptures() bool {
	o := &p.logging
	return p.uniqueID.captures || len(p.targets) > 0 && (o.format.captures || o.structured.captures || o.failed.captures)
}

// withoutUnusedCaptures leaves out rules whose captures no format has.
func (p *proxy) withoutUnusedCaptures(list []rule) []rule {
	if p.usesCaptures() {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(r rule) bool { return r.captures })
}
