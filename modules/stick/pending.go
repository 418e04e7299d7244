// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// maxStores is the most entries that a connection is stored in, as in HAProxy.
const maxStores = 8

// Pending holds the entries that a connection is to be stored in once its server is connected. The
// zero value is empty. It may be reused.
type Pending struct {
	stores   []store
	keys     []byte // of the stores, one after the other
	requests int    // the stores of rules for requests: those for responses do not see them
	waits    bool   // see Waits

	// MayWait lets rules wait for the store of a table that lacks their key.
	MayWait bool
}

type store struct {
	table     *tables.Table
	end       int // of its key in keys
	byAddress bool
}

// Reset drops all entries, and keeps their memory.
func (p *Pending) Reset() {
	clear(p.stores)
	p.stores, p.keys, p.requests, p.waits = p.stores[:0], p.keys[:0], 0, false
}

// Waits reports whether a rule of requests has to wait for the store of a table. They must be
// evaluated anew with MayWait, where that may block.
func (p *Pending) Waits() bool { return p.waits }

// Empty reports whether there are no entries.
func (p *Pending) Empty() bool { return len(p.stores) == 0 }

// has reports whether a store behind the first ones is for the table.
func (p *Pending) has(t *tables.Table, from int) bool {
	for i := from; i < len(p.stores); i++ {
		if p.stores[i].table == t {
			return true
		}
	}
	return false
}

// dropResponses drops the stores of rules for responses.
func (p *Pending) dropResponses() {
	p.stores = p.stores[:p.requests]
	if p.keys = p.keys[:0]; p.requests > 0 {
		p.keys = p.keys[:p.stores[p.requests-1].end]
	}
}

// add adds an entry, unless there are too many. It copies the key.
func (p *Pending) add(t *tables.Table, key []byte, byAddress bool) {
	if len(p.stores) < maxStores {
		p.keys = append(p.keys, key...)
		p.stores = append(p.stores, store{t, len(p.keys), byAddress})
	}
}

// Store stores the server that a connection has got in all entries, and drops them. It does not
// block.
func (p *Pending) Store(name, address string) {
	begin := 0
	for _, s := range p.stores {
		server := name
		if s.byAddress {
			server = address
		}
		s.table.Update(p.keys[begin:s.end], func(r tables.Row) { r.SetServer(server) })
		begin = s.end
	}
	p.Reset()
}
