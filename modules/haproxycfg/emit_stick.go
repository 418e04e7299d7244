// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import "github.com/caddy-passthrough/caddy-passthrough/modules/stick"

// emitStick returns the stick rules, or nil without any. Their tables are those of the app.
func (p *proxy) emitStick() *stick.Backend {
	if len(p.stick) == 0 {
		return nil
	}
	b := new(stick.Backend)
	for _, r := range p.stick {
		if r.action == stick.StoreResponse {
			b.ResponseDelay = -1 // rules of tcp-response wait
		}
		to := &stick.Rule{Action: r.action, Key: r.key, Table: r.table}
		to.MatcherSetsRaw, to.UnlessRaw = r.cond.sets()
		b.Rules = append(b.Rules, to)
	}
	return b
}
