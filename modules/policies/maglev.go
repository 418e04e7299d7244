// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(Maglev))
}

// The sizes of tables of Maglev.
const (
	DefaultTableSize = 65537
	MinTableSize     = 251
	MaxTableSize     = 5000011
)

// Maglev sends each key to the same server, like Hash, by the table of Google's load balancer
// Maglev. Several load balancers with the same servers make the same table, in whatever order they
// list them, and so agree on the server of each key. Shares are closer to the weights than those of
// a consistent hash, and a change of the servers moves few keys besides those that must move.
// HAProxy has no such policy. Connections without a key are spread by the shares.
type Maglev struct {
	// Key is the value to hash, as for the policy hash: src, sni, alpn, ja4, session_id, or a text
	// with placeholders. Default: src, the client's address.
	Key string `json:"key,omitempty"`

	// Expression is a sample expression to hash in place of Key, as for the policy hash.
	Expression string `json:"expression,omitempty"`

	// HTTP makes the expression apply to a request of the http app instead of a connection.
	HTTP bool `json:"http,omitempty"`

	// TableSize is the number of slots, a prime number from 251 to 5000011. It should be at least 100
	// times the number of servers: shares are off by up to one slot, and a larger table moves fewer
	// keys. It must be the same on all load balancers that are to agree. Default: 65537.
	TableSize int `json:"table_size,omitempty"`

	// PreserveAffinity says when a key leaves a full server, as for the policy hash: always (never),
	// maxconn or maxqueue. Default: always.
	PreserveAffinity string `json:"preserve_affinity,omitempty"`

	keys    Hash // its key only
	table   *maglevTable
	servers []*pool.Server // by the index of members
	turn    uint32
}

// CaddyModule returns the Caddy module information.
func (*Maglev) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.policies.maglev",
		New: func() caddy.Module { return new(Maglev) },
	}
}

// Provision sets defaults, and validates and compiles the options.
func (p *Maglev) Provision(ctx caddy.Context) error {
	if p.TableSize == 0 {
		p.TableSize = DefaultTableSize
	}
	if err := p.validate(); err != nil {
		return err
	}
	p.keys = *p.key()
	return p.keys.compileKey(ctx)
}

// key returns the key's options as those of a Hash.
func (p *Maglev) key() *Hash {
	h := &Hash{Key: p.Key, Expression: p.Expression, HTTP: p.HTTP}
	if p.Key == "" && p.Expression == "" {
		h.Key = sourceKey
	}
	return h
}

func (p *Maglev) validate() error {
	if n := p.TableSize; n != 0 && (n < MinTableSize || n > MaxTableSize || !big.NewInt(int64(n)).ProbablyPrime(0)) {
		return fmt.Errorf("table_size %d: expected a prime number from %d to %d, such as %d", n, MinTableSize, MaxTableSize, DefaultTableSize)
	}
	if a := p.PreserveAffinity; a != "" && !slices.Contains(affinities, a) {
		return fmt.Errorf("preserve_affinity: unknown word %q%s", a, options.Suggest(a, affinities))
	}
	if p.Key != "" && p.Expression != "" {
		return errors.New("expected key or expression, not both")
	}
	return p.key().validateKey()
}

// Rebuild makes a new table, unless neither the servers nor their shares have changed. It does not
// happen when a connection is served.
func (p *Maglev) Rebuild(v pool.View) {
	if members := membersOf(v); p.table == nil || len(p.table.slots) > 0 && len(p.table.slots) != p.TableSize || !slices.Equal(p.table.members, members) {
		p.table = newMaglevTable(members, p.TableSize)
	}
	byName := make(map[string]*pool.Server, len(v.Servers))
	for i, name := range memberNames(v.Servers) {
		byName[name] = v.Servers[i]
	}
	p.servers = make([]*pool.Server, len(p.table.members))
	for i, m := range p.table.members {
		p.servers[i] = byName[m.name]
	}
}

// Adopt takes over the table of the configuration before, which may still be right, and the turn.
func (p *Maglev) Adopt(old pool.Policy) {
	if o, ok := old.(*Maglev); ok {
		p.table, p.turn = o.table, o.turn
	}
}

// Sticky reports true: a key always has the same server.
func (p *Maglev) Sticky() bool { return true }

// Predicts reports whether the request has a hash: others have their turn.
func (p *Maglev) Predicts(r *pool.Request) bool {
	_, hashed := r.Hash()
	return hashed
}

// NeedsRequest reports whether the key depends on bytes that the client sends.
func (p *Maglev) NeedsRequest() bool { return p.keys.NeedsRequest() }

// Hash returns the hash of the connection's key, or false if it has none.
func (p *Maglev) Hash(r *pool.Request) (uint32, bool) {
	if p.keys.Key == sourceKey {
		if !r.Source.IsValid() {
			return 0, false
		}
		b := r.Source.As16() // an IPv4 address and its mapped form are the same key
		return hashKey(b[:]), true
	}
	key, ok := p.keys.key(r)
	if !ok {
		return 0, false
	}
	b, ok := key.AsBinary()
	return hashKey(b), ok
}

// Pick returns the server of the key's slot. If that server has failed for this connection, or is
// full and PreserveAffinity lets the key leave it, the server of another slot is used, the same one
// on all load balancers.
func (p *Maglev) Pick(_ pool.View, r *pool.Request) *pool.Server {
	if len(p.servers) == 0 {
		return nil
	}
	hash, ok := r.Hash()
	if !ok {
		p.turn++
		return p.find(uint32(mix(uint64(p.turn))), r, true)
	}
	home := p.find(hash, r, false)
	if home == nil || stays(p.PreserveAffinity, home) {
		return home
	}
	return p.find(hash, r, true) // nil: the connection waits for any server
}

// find returns the server of a hash's slot, or that of another slot if the request avoids it, or if
// a free one is asked for; or nil.
func (p *Maglev) find(hash uint32, r *pool.Request, free bool) *pool.Server {
	suits := func(s *pool.Server) bool { return !r.Avoids(s) && (!free || s.CanServe()) }
	at := uint64(hash)
	for range 2 * len(p.servers) {
		s := p.servers[p.table.slots[at%uint64(len(p.table.slots))]]
		if suits(s) {
			return s
		}
		at = mix(at)
	}
	for i := range p.servers { // chance has missed some
		if s := p.servers[(i+int(hash%uint32(len(p.servers))))%len(p.servers)]; suits(s) {
			return s
		}
	}
	return nil
}

// UnmarshalCaddyfile parses the policy. Syntax:
//
//	balance maglev [<key>] {
//		expression <sample expression>
//		http
//		table_size <prime>
//		preserve_affinity always|maxconn|maxqueue
//	}
func (p *Maglev) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	if d.NextArg() {
		p.Key = d.Val()
	}
	table := options.Table{
		"expression":        options.Once(expressionOption(&p.Expression)),
		"http":              options.Flag(&p.HTTP),
		"table_size":        options.Int(&p.TableSize, MinTableSize, MaxTableSize),
		"preserve_affinity": options.Once(wordOption(&p.PreserveAffinity)),
	}
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	return options.Wrap(d, p.validate())
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Maglev)(nil)
	_ caddyfile.Unmarshaler = (*Maglev)(nil)
	_ pool.Policy           = (*Maglev)(nil)
	_ pool.Rebuilder        = (*Maglev)(nil)
	_ pool.StateAdopter     = (*Maglev)(nil)
	_ pool.Hasher           = (*Maglev)(nil)
	_ pool.Sticky           = (*Maglev)(nil)
	_ pool.Predictable      = (*Maglev)(nil)
)
