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

// HashFunctions are the functions of HashType.
var HashFunctions = []string{"sdbm", "djb2", "wt6", "crc32", noFunction}

var (
	hashTypes  = []string{mapBased, consistent}
	affinities = []string{"always", "maxconn", "maxqueue"}
)

// HashType is how a key finds its server. It is HAProxy's hash-type.
type HashType struct {
	// Type is map_based, a table in which most keys move when a server comes or
	// goes, or consistent, a ring on which only those of that server do. Default:
	// map_based.
	Type string `json:"type,omitempty"`

	// Function is sdbm, djb2, wt6, crc32 or none: a key that is a number is taken
	// as it is. Default: sdbm.
	Function string `json:"function,omitempty"`

	// Avalanche spreads the bits of the hash. Default: with type consistent and
	// no function, yes.
	Avalanche bool `json:"avalanche,omitempty"`
}

// Hashing are the options of the policies that hash.
type Hashing struct {
	// HashType is how a key finds its server.
	HashType HashType `json:"hash_type,omitzero"`

	// BalanceFactor is how many connections a server may have, in percent of its
	// fair share of all; keys of one that has more go to the next. More than 100,
	// or 0: any number. For consistent alone. It is HAProxy's hash-balance-factor.
	BalanceFactor int `json:"balance_factor,omitempty"`

	// PreserveAffinity says when a key leaves a server that has no room: always (its
	// server is waited for), maxconn (it goes to the next, or waits for whichever
	// has room first where none has) or maxqueue (to the next if maxqueue wait
	// already). Default: always. For consistent alone. It is
	// HAProxy's hash-preserve-affinity.
	PreserveAffinity string `json:"preserve_affinity,omitempty"`

	table  *table // one of the two
	ring   *ring
	bounds bounds
}

// check says what is wrong with the options.
func (h *Hashing) check() error {
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
		return checkFactor(h.BalanceFactor)
	}
	if h.BalanceFactor != 0 || h.PreserveAffinity != "" {
		return errors.New("it has balance_factor or preserve_affinity, which are for hash_type consistent")
	}
	return nil
}

// provision checks the options and fills in what follows from them.
func (h *Hashing) provision() error {
	if err := h.check(); err != nil {
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

// Rebuild takes over who is there now, and with what weight.
func (h *Hashing) Rebuild(v pool.View) {
	if h.table != nil {
		h.table.build(v)
		return
	}
	h.ring.build(v)
	h.bounds.build(v, h.BalanceFactor)
}

// Sticky reports true.
func (h *Hashing) Sticky() bool { return true }

// finish applies what is common to all hash functions.
func (h *Hashing) finish(hash uint32) uint32 {
	if h.HashType.Avalanche {
		return sample.Avalanche(hash)
	}
	return hash
}

// pick is the server of a request's hash; without one, the servers take turns.
func (h *Hashing) pick(r *pool.Request) *pool.Server {
	if hash, ok := r.Hash(); ok {
		return h.lookup(hash, r)
	}
	return h.next(r)
}

// lookup is the server of a hash.
func (h *Hashing) lookup(hash uint32, r *pool.Request) *pool.Server {
	if h.table != nil {
		return h.table.lookup(hash, r)
	}
	suits := h.bounds.suits(r)
	home := h.ring.nearest(hash, r, suits)
	if home == nil || h.stays(home) {
		return home
	}
	if s := h.ring.lookup(hash, func(s *pool.Server) bool { return suits(s) && s.CanServe() }); s != nil {
		return s
	}
	return h.ring.lookup(hash, canServe(r)) // nil: none is waited for alone
}

// stays reports whether a key stays with its server, by PreserveAffinity.
func (h *Hashing) stays(s *pool.Server) bool {
	switch h.PreserveAffinity {
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

// options are the words of the block.
func (h *Hashing) options() options.Table {
	return options.Table{
		"hash_type":         options.Once(h.parseType),
		"balance_factor":    options.Int(&h.BalanceFactor, 0, MaxBalanceFactor),
		"preserve_affinity": options.Once(h.parseAffinity),
	}
}

// parseType takes TYPE [FUNCTION] [avalanche].
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

func (h *Hashing) parseAffinity(d *caddyfile.Dispenser) (err error) {
	h.PreserveAffinity, err = options.Arg(d)
	return err
}

// parse reads the block and checks what it says.
func (h *Hashing) parse(d *caddyfile.Dispenser, table options.Table) error {
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	return wrap(d, h.check())
}

// wrap adds file and line to an error.
func wrap(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}
