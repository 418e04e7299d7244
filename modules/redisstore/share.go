// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// share connects a table with Redis. One goroutine, of run, does all that no connection waits for;
// another one receives messages while there is a session.
type share struct {
	settings

	name   string
	keys   keys
	run    string // of this process, unlike that of any other
	client redis.UniversalClient
	table  *tables.Table
	config tables.Config
	feed   *tables.Feed
	synced *tables.Table // the states that Redis has, to this node's knowledge; nil: none are stored
	peers  peers
	absent absent

	ctx    context.Context
	cancel context.CancelFunc
	forget chan [][]byte

	reachable atomic.Bool
	failures  atomic.Int32 // of lookups, since the last one that succeeded
	trip      atomic.Pointer[context.CancelCauseFunc]
	unsent    [][]byte // a batch that was taken from the feed
	unsentLen atomic.Int64
	status    status
	counts    counts
	outage    outage

	receiving sync.Mutex
	sent      map[string]bool // keys in messages of this node that have not come back
	heard     map[string]bool // keys in messages of others since the last reset
	servers   map[string]bool // names of servers that were learned
}

// maxForgets is the number of lists of keys that may wait to be forgotten.
const maxForgets = 16

func newShare(s settings, name string, t *tables.Table) *share {
	c := t.Config()
	sh := &share{
		settings: s, name: name, keys: newKeys(s.prefix, name), run: rand.Text(), client: s.connect(), table: t, config: c, feed: t.Watch(),
		forget: make(chan [][]byte, maxForgets), sent: make(map[string]bool), heard: make(map[string]bool), servers: make(map[string]bool),
		peers: peers{table: t, config: withStores(c, false)},
	}
	if states := withStores(c, true); len(states.Store) > 0 {
		sh.synced = tables.New(states)
	}
	sh.ctx, sh.cancel = context.WithCancel(context.Background())
	sh.status.set(stick.Connecting, nil)
	go sh.work()
	return sh
}

// withStores returns the configuration of a table that stores the states, or the rest.
func withStores(c tables.Config, states bool) tables.Config {
	var stores []tables.Store
	for _, s := range c.Store {
		if isState(s.Data) == states {
			stores = append(stores, s)
		}
	}
	c.Store = stores
	return c
}

// Close implements stick.Share.
func (s *share) Close() { s.cancel() }

// Forget implements stick.Share. It drops keys if very many are to be forgotten at once: their
// entries expire.
func (s *share) Forget(keys [][]byte) {
	select {
	case s.forget <- keys:
	default:
	}
}

// Fetches implements stick.Share.
func (s *share) Fetches(key []byte) bool {
	if !s.reachable.Load() || s.synced == nil {
		return false
	}
	key, ok := s.table.Canonical(key)
	return ok && !s.absent.has(key)
}

// Fetch implements stick.Share.
func (s *share) Fetch(key []byte) {
	key, ok := s.table.Canonical(key)
	if !ok {
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	record, err := s.client.GetRange(ctx, s.keys.entry(key), 0, maxRecord).Result()
	s.counts.observe(time.Since(began))
	switch {
	case err != nil:
		s.fetchFailed(err)
		return
	case record == "":
		s.counts.fetches.add(isAbsent)
		s.absent.add(key)
	case s.learnFetched(key, record):
		s.counts.fetches.add(isFound)
	default:
		s.counts.fetches.add(isInvalid)
		s.absent.add(key)
	}
	s.failures.Store(0)
}

// fetchFailed counts a failure. After some of them, lookups end until Redis answers in time again.
func (s *share) fetchFailed(err error) {
	switch {
	case isWrongType(err):
		s.counts.fetches.add(isInvalid)
		return
	case errors.Is(err, redis.ErrPoolTimeout): // too many lookups at once
		s.counts.fetches.add(isFailed)
		return
	}
	s.counts.fetches.add(isFailed)
	if s.failures.Add(1) >= maxFailures {
		s.reachable.Store(false)
		if trip := s.trip.Load(); trip != nil {
			(*trip)(err)
		}
	}
}

// maxFailures is the number of lookups in a row whose failure means that Redis is unreachable.
const maxFailures = 3

// isWrongType reports whether Redis has something else under a key than this package writes.
func isWrongType(err error) bool { return strings.HasPrefix(err.Error(), "WRONGTYPE") }

// learnFetched puts the state of an entry into the table, unless it has one by now.
func (s *share) learnFetched(key []byte, record string) (valid bool) {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if !s.isValid(record) {
		return false
	}
	s.table.Learn(key, func(r tables.Row) {
		if _, isSet := newRecord(s.config, r, true); !isSet {
			valid = readRecord(record, s.config, r)
			return
		}
		valid = true
	})
	s.synced.Learn(key, func(r tables.Row) { readRecord(record, s.synced.Config(), r) })
	return valid
}

// Status implements stick.Share.
func (s *share) Status() stick.ShareStatus {
	out := s.status.get()
	out.Store, out.Node, out.Nodes = "redis", s.node, s.peers.count()
	out.Pending = int(s.unsentLen.Load()) + s.feed.Len()
	s.counts.addTo(&out)
	return out
}
