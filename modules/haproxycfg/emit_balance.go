// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

// emitBalance returns the policy, or nil for the default policy.
func emitBalance(p *proxy) json.RawMessage {
	h := &p.balance.hashing
	hashing := policies.Hashing{HashType: policies.HashType{Function: h.function, Avalanche: h.avalanche}}
	if h.consistent {
		hashing.HashType.Type, hashing.BalanceFactor = "consistent", h.factor
		if h.affinity != "always" {
			hashing.PreserveAffinity = h.affinity
		}
	}
	emit := func(module any) json.RawMessage {
		return caddyconfig.JSONModuleObject(module, "policy", underscores(p.balance.name), nil)
	}
	switch p.balance.name {
	case "", "roundrobin":
		return nil
	case "source":
		return emit(&policies.Source{Hashing: hashing})
	case "hash":
		return emit(&policies.Hash{Expression: p.balance.hashed, HTTP: p.balance.overHTTP, Hashing: hashing})
	case "random":
		return emit(&policies.Random{Draws: p.balance.draws, BalanceFactor: h.factor})
	default:
		return emit(struct{}{})
	}
}
