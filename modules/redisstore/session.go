// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

const (
	minWait = 50 * time.Millisecond // before the next try to reach Redis
	maxWait = 500 * time.Millisecond
	pause   = 10 * time.Millisecond // between writes, in which changes of one entry become one
)

// work tries to reach Redis, and has a session with it while that is possible.
func (s *share) work() {
	defer s.end()
	for wait := minWait; s.ctx.Err() == nil; wait = min(2*wait, maxWait) {
		began := time.Now()
		err := s.session()
		s.reachable.Store(false)
		if s.ctx.Err() != nil {
			return
		}
		s.noteOutage(err)
		if time.Since(began) > lifetime {
			wait = minWait
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(wait):
		}
		s.peers.dropSilent()
	}
}

// end releases what the share holds.
func (s *share) end() {
	s.feed.Close()
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	if s.status.get().State == stick.Connected {
		s.client.Publish(ctx, s.keys.channel(), messageHead(farewell, s.run, s.node))
		s.client.Del(ctx, s.keys.node(s.run))
	}
	_ = s.client.Close()
	s.peers.dropAll()
}

// session exchanges entries with Redis until that fails.
func (s *share) session() error {
	ctx, fail := context.WithCancelCause(s.ctx)
	defer fail(nil)
	s.failures.Store(0)
	s.trip.Store(&fail)
	if err := s.probe(ctx); err != nil {
		return err
	}
	channel := s.client.Subscribe(ctx, s.keys.channel())
	if _, err := channel.ReceiveTimeout(ctx, patience); err != nil { // it is subscribed to
		_ = channel.Close()
		return err
	}
	received := make(chan struct{})
	go func() {
		defer close(received)
		fail(s.receive(ctx, channel))
	}()
	err := s.exchange(ctx)
	fail(nil)
	_ = channel.Close()
	<-received
	s.receiving.Lock()
	defer s.receiving.Unlock()
	clear(s.sent)
	return err
}

// probe returns an error if Redis does not answer as fast as lookups need it.
func (s *share) probe(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.client.Ping(within).Err(); err != nil { // connects first
		return err
	}
	within, cancel = context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.client.Ping(within).Err()
}

var errSilent = errors.New("messages do not come back")

// receive applies messages until there is an error. The heartbeats of this node come back, too: if
// they do not, messages are lost.
func (s *share) receive(ctx context.Context, channel *redis.PubSub) error {
	for {
		received, err := channel.ReceiveTimeout(ctx, lifetime)
		if err != nil {
			return errors.Join(errSilent, err)
		}
		if m, ok := received.(*redis.Message); ok {
			s.apply(m.Payload)
		}
	}
}

// exchange writes what changes, and reads what Redis has when it begins. What others write from
// then on is received.
func (s *share) exchange(ctx context.Context) error {
	if err := s.announce(ctx); err != nil {
		return err
	}
	s.noteReachable()
	catchUp := newCatchUp(s)
	defer func() { catchUp.stop() }() // of the last one
	beats, refreshes := time.NewTicker(beat), time.NewTicker(max(s.config.Expire/2, beat))
	defer beats.Stop()
	defer refreshes.Stop()
	for {
		next, err := s.step(ctx, catchUp)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-beats.C:
			if err := s.announce(ctx); err != nil {
				return err
			}
			s.peers.dropSilent()
		case <-refreshes.C:
			catchUp.refresh()
		case keys := <-s.forget:
			if err := s.publishForgotten(ctx, keys); err != nil {
				return err
			}
		case <-next:
		}
	}
}

// announce tells the other nodes that this one lives.
func (s *share) announce(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.client.TxPipelined(within, func(p redis.Pipeliner) error {
		p.Set(within, s.keys.node(s.run), s.node, lifetime)
		s.publish(within, p, messageHead(heartbeat, s.run, s.node))
		return nil
	})
	return err
}

// publish sends a message to the other nodes.
func (s *share) publish(ctx context.Context, p redis.Pipeliner, message []byte) {
	command := redis.NewIntCmd(ctx, "publish", s.keys.channel(), message)
	command.SetFirstKeyPos(1) // the node of the table's keys, in a cluster
	_ = p.Process(ctx, command)
}
