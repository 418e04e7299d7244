// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(Source))
}

// Source sends each client address to the same server. The 32-bit parts of the address are combined
// by XOR; the function of hash_type is not used. Clients without an address are spread round-robin.
// An IPv4 client of a dual-stack listener has the address ::ffff:A.B.C.D. It is HAProxy's balance
// source.
type Source struct {
	Hashing
}

// CaddyModule returns the Caddy module information.
func (*Source) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.source",
		New: func() caddy.Module { return new(Source) },
	}
}

// Provision validates the options.
func (p *Source) Provision(caddy.Context) error { return p.provision() }

// Pick returns the server for the client's address.
func (p *Source) Pick(_ pool.View, r *pool.Request) *pool.Server { return p.pick(r) }

// Hash returns the hash of the client's address, or false if it has none.
func (p *Source) Hash(r *pool.Request) (uint32, bool) {
	return p.finish(foldAddress(r.Source)), r.Source.IsValid()
}

// UnmarshalCaddyfile parses the policy. Syntax:
//
//	balance source {
//		hash_type map_based|consistent [sdbm|djb2|wt6|crc32|none [avalanche]]
//		balance_factor <percent>
//		preserve_affinity always|maxconn|maxqueue
//	}
func (p *Source) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	return p.parse(d, p.options())
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Source)(nil)
	_ caddyfile.Unmarshaler = (*Source)(nil)
	_ pool.Policy           = (*Source)(nil)
	_ pool.Rebuilder        = (*Source)(nil)
	_ pool.Hasher           = (*Source)(nil)
	_ pool.Sticky           = (*Source)(nil)
	_ pool.Predictable      = (*Source)(nil)
)
