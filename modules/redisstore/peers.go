// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

const (
	beat     = time.Second
	lifetime = 5 * beat // of a node without a heartbeat
	maxPeers = 256
)

// peers are the other nodes, by their runs, with what each has counted. What a node has counted is
// dropped when it has been silent for a while. It is safe for concurrent use.
type peers struct {
	table  *tables.Table // whose values are to be the sums
	config tables.Config // of the counts

	mu  sync.Mutex
	all map[string]*peer
}

type peer struct {
	node   string
	counts *tables.Table // nil: nothing is counted
	heard  time.Time
}

// note notes that a node lives, and reports whether there is room for it.
func (p *peers) note(run, node string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.all[run]; known != nil {
		known.heard = time.Now()
		return true
	}
	if len(p.all) >= maxPeers {
		return false
	}
	if p.all == nil {
		p.all = make(map[string]*peer)
	}
	added := &peer{node: node, heard: time.Now()}
	if len(p.config.Store) > 0 {
		added.counts = tables.New(p.config)
	}
	p.all[run] = added
	p.addUp()
	return true
}

// of returns what a node has counted, or nil.
func (p *peers) of(run string) *tables.Table {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.all[run]; known != nil {
		return known.counts
	}
	return nil
}

// drop drops a node.
func (p *peers) drop(run string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[run] != nil {
		delete(p.all, run)
		p.addUp()
	}
}

// dropSilent drops the nodes that were silent for too long.
func (p *peers) dropSilent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.all)
	for run, known := range p.all {
		if time.Since(known.heard) > lifetime {
			delete(p.all, run)
		}
	}
	if len(p.all) != before {
		p.addUp()
	}
}

// dropAll drops all nodes.
func (p *peers) dropAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = nil
	p.addUp()
}

// addUp makes the table's values the sums of those of the nodes. The lock is held.
func (p *peers) addUp() {
	var others []*tables.Table
	for _, known := range p.all {
		if known.counts != nil {
			others = append(others, known.counts)
		}
	}
	p.table.AddOthers(others)
}

func (p *peers) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}
