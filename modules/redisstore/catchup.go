// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/redis/go-redis/v9"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// catchUp exchanges what messages have not: at the beginning of a session it reads all entries that
// Redis has, and then writes those of the table that it lacks. Each step does a part of it.
type catchUp struct {
	share *share

	scanned bool
	cursor  uint64
	alive   map[string]bool // by runs

	next func() (tables.Row, bool) // nil: all rows are written
	stop func()
	held bool // writes only rows that are held
}

func newCatchUp(s *share) *catchUp {
	c := &catchUp{share: s, alive: make(map[string]bool)}
	c.next, c.stop = iter.Pull(s.table.All())
	return c
}

// refresh writes the entries that are held once more: they do not expire, but in Redis they would.
func (c *catchUp) refresh() {
	if c.done() {
		c.next, c.stop = iter.Pull(c.share.table.All())
		c.held = true
	}
}

func (c *catchUp) done() bool { return c.scanned && c.next == nil }

func (c *catchUp) step(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !c.scanned {
		return c.scan(within)
	}
	return c.push(within)
}

// scan reads some entries of Redis.
func (c *catchUp) scan(ctx context.Context) error {
	s := c.share
	node, err := s.keeper(ctx)
	if err != nil {
		return err
	}
	s.receiving.Lock()
	clear(s.heard)
	s.receiving.Unlock()
	names, cursor, err := node.Scan(ctx, c.cursor, s.keys.pattern(), batch).Result()
	if err != nil {
		return fmt.Errorf("reading the entries: %w", err)
	}
	c.cursor, c.scanned = cursor, cursor == 0
	pipe := s.client.Pipeline()
	var found []scanned
	for _, name := range names {
		key, run, ok := s.keys.parse(name)
		if !ok || run == s.run || run != "" && !c.lives(ctx, run) {
			continue
		}
		found = append(found, scanned{key, run, pipe.GetRange(ctx, name, 0, maxRecord)})
	}
	if len(found) == 0 {
		return nil
	}
	_, _ = pipe.Exec(ctx) // each command has its error
	for _, f := range found {
		if err := s.learnScanned(f); err != nil {
			return err
		}
	}
	return nil
}

// scanned is an entry that Redis has.
type scanned struct {
	key, run string
	record   *redis.StringCmd
}

// learnScanned puts an entry of Redis into the table, unless a message has told something newer.
func (s *share) learnScanned(f scanned) error {
	record, err := f.record.Result()
	key, ok := s.table.Canonical([]byte(f.key))
	switch {
	case err != nil && !isWrongType(err):
		return err
	case err != nil, !ok, len(record) > maxRecord:
		s.counts.learned.add(isInvalid)
		return nil
	case record == "": // it has expired
		return nil
	case f.run != "":
		s.counts.learned.add(s.learnCounts(f.run, key, record))
		return nil
	}
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if !s.heard[string(key)] {
		s.counts.learned.add(s.learnState(key, record))
	}
	return nil
}

// lives reports whether a run of another node lives.
func (c *catchUp) lives(ctx context.Context, run string) bool {
	lives, known := c.alive[run]
	if known || len(c.alive) >= maxRuns {
		return lives
	}
	node, err := c.share.client.GetRange(ctx, c.share.keys.node(run), 0, maxName-1).Result()
	lives = err == nil && node != "" && len(run) <= maxName && c.share.peers.note(run, node)
	c.alive[run] = lives
	return lives
}

// maxRuns bounds the runs that are looked for in a session.
const maxRuns = 10_000

// push writes some entries of the table. Redis keeps the states that it has.
func (c *catchUp) push(ctx context.Context) error {
	s := c.share
	pipe := s.client.TxPipeline()
	head := messageHead(changes, s.run, s.node)
	message := head
	for range batch {
		row, ok := c.next()
		if !ok {
			c.stop()
			c.next = nil
			break
		}
		key, ok := s.table.Canonical(row.Key())
		if !ok || c.held && row.Uses() == 0 {
			continue
		}
		entry := s.contents(key)
		s.queue(ctx, pipe, entry)
		if entry.parts != 0 { // others may have dropped it while this node was away
			message = appendChange(message, entry)
		}
	}
	if len(message) > len(head) {
		s.publish(ctx, pipe, message)
	}
	if pipe.Len() == 0 {
		return nil
	}
	_, err := pipe.Exec(ctx)
	return err
}

// keeper returns the client of the node with the table's keys.
func (s *share) keeper(ctx context.Context) (redis.Cmdable, error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, s.keys.channel())
	}
	return s.client, nil
}
