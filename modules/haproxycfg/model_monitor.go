// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// setMonitorURI reads "monitor-uri URI".
func setMonitorURI(_ *translation, p *proxy, s statement) {
	if p.mode == "http" || p.kind == "defaults" {
		p.monitorURI = s.args[0]
	}
}

// addMonitorFail reads "monitor fail if|unless CONDITION".
func addMonitorFail(t *translation, p *proxy, s statement) {
	if !haproxyfile.BeginsCondition(s.arg(0)) {
		t.errorf(s.Pos, "'monitor fail' requires either 'if' or 'unless' followed by a condition, in %s", p)
		return
	}
	c, err := t.condition(p, s, s.args)
	switch {
	case err != nil:
		t.errorf(s.Pos, "error detected while parsing a 'monitor fail' condition : %v, in %s", err, p)
	case p.isHTTP():
		p.monitorFails = append(p.monitorFails, c)
	}
}
