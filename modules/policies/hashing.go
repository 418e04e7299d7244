// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// The words of HashType.
const (
	mapBased   = "map_based"
	consistent = "consistent"
	noFunction = "none"
)

// HashFunctions are the allowed values of HashType.Function.
var HashFunctions = []string{"sdbm", "djb2", "wt6", "crc32", noFunction}

var (
	hashTypes  = []string{mapBased, consistent}
	affinities = []string{"always", "maxconn", "maxqueue"}
)

// HashType selects how a key is mapped to a server. It is HAProxy's hash-type.
type HashType struct {
	// Type is map_based, a table in which most keys move when a server is added or removed, or
	// consistent, a ring on which only the keys of that server move. Default: map_based.
	Type string `json:"type,omitempty"`

	// Function is sdbm, djb2, wt6, crc32 or none, which uses a numeric key as it is. Default: sdbm.
	Function string `json:"function,omitempty"`

	// Avalanche spreads the bits of the hash. Default: on with type consistent and no function,
	// otherwise off.
	Avalanche bool `json:"avalanche,omitempty"`
}

// Hashing holds the options that the hash policies share.
type Hashing struct {
	// HashType selects how a key is mapped to a server.
	HashType HashType `json:"hash_type,omitzero"`

	// BalanceFactor limits a server to this percentage of its fair share of all connections; keys of a
	// server above that go to the next one. More than 100; 0: no limit. Only for type consistent. It
	// is HAProxy's hash-balance-factor.
	BalanceFactor int `json:"balance_factor,omitempty"`

	// PreserveAffinity says when a key leaves a full server: always (never: it waits for its server),
	// maxconn (at once: it goes to the next server with a free slot, or waits for any if all are full)
	// or maxqueue (only when the server's queue has maxqueue requests). Default: always. Only for type
	// consistent. It is HAProxy's hash-preserve-affinity.
	PreserveAffinity string `json:"preserve_affinity,omitempty"`

	table  *table // either table or ring is set
	ring   *ring
	bounds bounds
}

// validate validates the options.
func (h *Hashing) validate() error {
	t := &h.HashType
	if t.Type != "" && !slices.Contains(hashTypes, t.Type) {
		return fmt.Errorf("hash_type: unknown type %q%s", t.Type, options.Suggest(t.Type, hashTypes))
	}
	if t.Function != "" && !slices.Contains(HashFunctions, t.Function) {
		return fmt.Errorf("hash_type: unknown function %q%s", t.Function, options.Suggest(t.Function, HashFunctions))
	}
	if h.PreserveAffinity != "" && !slices.Contains(affinities, h.PreserveAffinity) {
		return fmt.Errorf("preserve_affinity: unknown word %q%s", h.PreserveAffinity, options.Suggest(h.PreserveAffinity, affinities))
	}
	if t.Type == consistent {
		return validateFactor(h.BalanceFactor)
	}
	if h.BalanceFactor != 0 || h.PreserveAffinity != "" {
		return errors.New("balance_factor and preserve_affinity: expected hash_type consistent")
	}
	return nil
}

// provision validates the options and sets up the table or the ring.
func (h *Hashing) provision() error {
	if err := h.validate(); err != nil {
		return err
	}
	if h.HashType.Type == consistent {
		h.ring = new(ring)
		h.HashType.Avalanche = h.HashType.Avalanche || h.HashType.Function == ""
	} else {
		h.table = new(table)
	}
	return nil
}

// FixedServers reports whether keys belong to places in a list of the servers.
func (h *Hashing) FixedServers() bool { return h.table != nil }

// Rebuild applies a new view.
func (h *Hashing) Rebuild(v pool.View) {
	if h.table != nil {
		h.table.build(v)
		return
	}
	h.ring.build(v)
	h.bounds.build(v, h.BalanceFactor)
}

// Sticky reports true: a key always has the same server.
func (h *Hashing) Sticky() bool { return true }

// Predicts reports whether the request has a hash: others have their turn.
func (h *Hashing) Predicts(r *pool.Request) bool {
	_, hashed := r.Hash()
	return hashed
}

// finish applies the step that all hash functions share.
func (h *Hashing) finish(hash uint32) uint32 {
	if h.HashType.Avalanche {
		return sample.Avalanche(hash)
	}
	return hash
}

// pick returns the server for a request's hash. Requests without a hash are spread round-robin.
func (h *Hashing) pick(r *pool.Request) *pool.Server {
	if hash, ok := r.Hash(); ok {
		return h.lookup(hash, r)
	}
	return h.next(r)
}

// lookup returns the server for a hash.
func (h *Hashing) lookup(hash uint32, r *pool.Request) *pool.Server {
	if h.table != nil {
		return h.table.lookup(hash, r)
	}
	suits := h.bounds.suits(r)
	home := h.ring.nearest(hash, r, suits)
	if home == nil || stays(h.PreserveAffinity, home) {
		return home
	}
	if s := h.ring.lookup(hash, func(s *pool.Server) bool { return suits(s) && s.CanServe() }); s != nil {
		return s
	}
	return h.ring.lookup(hash, canServe(r)) // nil: the request waits for any server
}

// stays reports whether the option preserve_affinity keeps a key on its server.
func stays(affinity string, s *pool.Server) bool {
	switch affinity {
	case "maxconn":
		return s.CanServe()
	case "maxqueue":
		return s.CanServe() || s.MaxQueue > 0 && s.CanQueue()
	default:
		return true
	}
}

func (h *Hashing) next(r *pool.Request) *pool.Server {
	if h.table != nil {
		return h.table.next(canServe(r))
	}
	return h.ring.next(canServe(r))
}

// options returns the options of the Caddyfile block.
func (h *Hashing) options() options.Table {
	return options.Table{
		"hash_type":         options.Once(h.parseType),
		"balance_factor":    options.Int(&h.BalanceFactor, 0, MaxBalanceFactor),
		"preserve_affinity": options.Once(wordOption(&h.PreserveAffinity)),
	}
}

// parseType parses TYPE [FUNCTION] [avalanche].
func (h *Hashing) parseType(d *caddyfile.Dispenser) error {
	words := d.RemainingArgs()
	if len(words) == 0 || len(words) > 3 || len(words) == 3 && words[2] != "avalanche" {
		return d.Errf("expected hash_type %s|%s [sdbm|djb2|wt6|crc32|none [avalanche]]", mapBased, consistent)
	}
	h.HashType.Type = words[0]
	if len(words) > 1 {
		h.HashType.Function = words[1]
	}
	h.HashType.Avalanche = len(words) > 2
	return nil
}

// wordOption parses one word.
func wordOption(to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) (err error) {
		*to, err = options.Arg(d)
		return err
	}
}

// parse parses and validates the block.
func (h *Hashing) parse(d *caddyfile.Dispenser, table options.Table) error {
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	return options.Wrap(d, h.validate())
}
