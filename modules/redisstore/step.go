// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// batch is the number of entries that are written or read at once.
const batch = 256

// atOnce is a channel from which something can always be received.
var atOnce = make(chan struct{})

func init() { close(atOnce) }

// step writes a batch of changes, or else does a step of the catch-up. It returns the channel to
// wait for before the next step.
func (s *share) step(ctx context.Context, c *catchUp) (next <-chan struct{}, err error) {
	full, err := s.flush(ctx)
	switch {
	case err != nil:
		return nil, err
	case full:
		return atOnce, nil
	case !c.done():
		return atOnce, c.step(ctx)
	}
	return s.feed.Ready(), nil
}

// flush writes a batch of entries that have changed, and reports whether there may be more.
func (s *share) flush(ctx context.Context) (full bool, err error) {
	if len(s.unsent) == 0 {
		s.unsent = s.feed.Take(batch)
		s.unsentLen.Store(int64(len(s.unsent)))
	}
	if len(s.unsent) == 0 {
		return false, nil
	}
	full = len(s.unsent) >= batch
	if err := s.write(ctx, s.unsent); err != nil {
		for range s.unsent {
			s.counts.writes.add(isFailed)
		}
		return false, err
	}
	s.unsent = nil
	s.unsentLen.Store(0)
	if !full {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return full, nil
}

// write writes entries to Redis and publishes them, in one transaction: so all nodes see the
// changes of an entry in the order in which Redis does.
func (s *share) write(ctx context.Context, keys [][]byte) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pipe := s.client.TxPipeline()
	head := messageHead(changes, s.run, s.node)
	message := head
	for _, key := range keys {
		c := s.read(key)
		s.queue(within, pipe, c)
		if c.parts != 0 {
			message = appendChange(message, c)
		}
	}
	if len(message) > len(head) {
		s.publish(within, pipe, message)
	}
	if pipe.Len() == 0 {
		return nil
	}
	if _, err := pipe.Exec(within); err != nil {
		s.forgetSent(keys)
		return err
	}
	for range keys {
		s.counts.writes.add(isWritten)
	}
	return nil
}

// read returns the changes of an entry: its state if that has changed, and this node's counts. It
// notes that a state was sent.
func (s *share) read(key []byte) (c change) {
	key, ok := s.table.Canonical(key)
	if !ok {
		return c
	}
	s.receiving.Lock()
	defer s.receiving.Unlock()
	c = s.contents(key)
	if c.state == "" {
		return c
	}
	var known []byte
	s.synced.View(key, func(r tables.Row) { known, _ = newRecord(s.synced.Config(), r, true) })
	if string(known) != c.state {
		s.synced.Learn(key, func(r tables.Row) { readRecord(c.state, s.synced.Config(), r) })
		c.parts |= hasState
		s.sent[c.key] = true
	}
	return c
}

// contents returns the state of an entry, unless it has none, and what this node has counted.
func (s *share) contents(key []byte) (c change) {
	var state, counted []byte
	isSet := false
	found := s.table.View(key, func(r tables.Row) {
		state, isSet = newRecord(s.config, r, true)
		counted, _ = newRecord(s.config, r, false)
	})
	if !found {
		return c
	}
	c.key = string(key)
	if isSet {
		c.state = string(state)
	}
	if len(counted) > 0 {
		c.counts, c.parts = string(counted), hasCounts
	}
	return c
}

// queue adds the commands that write an entry. A state that has not changed must not replace one of
// another node that has not arrived yet.
func (s *share) queue(ctx context.Context, pipe redis.Pipeliner, c change) {
	key := []byte(c.key)
	switch {
	case c.parts&hasState != 0:
		pipe.Set(ctx, s.keys.entry(key), c.state, s.config.Expire)
	case c.state != "":
		pipe.SetNX(ctx, s.keys.entry(key), c.state, s.config.Expire)
		pipe.PExpire(ctx, s.keys.entry(key), s.config.Expire)
	}
	if c.parts&hasCounts != 0 {
		pipe.Set(ctx, s.keys.counts(s.run, key), c.counts, s.config.Expire)
	}
}

// forgetSent forgets that keys were sent: their messages will not come back.
func (s *share) forgetSent(keys [][]byte) {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	for _, key := range keys {
		if key, ok := s.table.Canonical(key); ok {
			delete(s.sent, string(key))
		}
	}
}

// publishForgotten drops keys from Redis and from the other nodes.
func (s *share) publishForgotten(ctx context.Context, keys [][]byte) error {
	for len(keys) > 0 {
		some := keys[:min(batch, len(keys))]
		keys = keys[len(some):]
		within, cancel := context.WithTimeout(ctx, patience)
		_, err := s.client.TxPipelined(within, func(p redis.Pipeliner) error {
			message := messageHead(changes, s.run, s.node)
			for _, key := range some {
				if key, ok := s.table.Canonical(key); ok {
					s.forgetEntry(s.run, key) // it may have been read from Redis meanwhile
					p.Del(within, s.keys.entry(key), s.keys.counts(s.run, key))
					message = appendChange(message, change{key: string(key), parts: isForgotten})
				}
			}
			s.publish(within, p, message)
			return nil
		})
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}
