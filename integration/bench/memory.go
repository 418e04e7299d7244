// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// Names of counts.
const (
	countMemory      = "bytes of private memory each"
	countDescriptors = "descriptors each"
	countBefore      = "MiB of private memory before"
	countAfter       = "MiB of private memory with all of them"
	countResident    = "MiB resident"
	countAnonymous   = "MiB that are not of files"
	countMore        = "bytes more in all"
)

// steps are the ranges of sessions over which the memory of one more session is measured. Each
// begins where the previous one ends.
var steps = []struct {
	from, to int
	name     string
}{
	{500, 3000, "bytes more from 500 to 3000"},
	{3000, 5500, "bytes more from 3000 to 5500"},
	{5500, 8500, "bytes more from 5500 to 8500"},
}

// idle opens connections to a fresh proxy and reports what each holds while it is silent. A heap
// with room left by the warm-up takes connections without growing: by the difference alone they
// would seem free.
func (l *load) idle(ctx context.Context) (sample, error) {
	return l.held(ctx, func() (net.Conn, error) { return l.dialIdle(ctx) })
}

func (l *load) dialIdle(ctx context.Context) (net.Conn, error) {
	return l.dial(ctx, helloOf(l.hello, kindIdle), make([]byte, answerSize), serverLife)
}

// partialHello measures clients that have sent a part of their hello, and then wait.
func partialHello(part float64) func(*load, context.Context) (sample, error) {
	return func(l *load, ctx context.Context) (sample, error) {
		sent := helloOf(l.hello, kindIdle)
		sent = sent[:int(part*float64(len(sent)))]
		return l.held(ctx, func() (net.Conn, error) {
			dialer := net.Dialer{Timeout: patience, KeepAlive: -1}
			conn, err := dialer.DialContext(ctx, "tcp4", l.proxy.addr)
			if err != nil || len(sent) == 0 {
				return conn, err
			}
			if _, err := conn.Write(sent); err != nil {
				conn.Close()
				return nil, err
			}
			return conn, nil
		})
	}
}

// held opens many connections, and reports what each of them holds.
func (l *load) held(ctx context.Context, dial func() (net.Conn, error)) (sample, error) {
	s := sample{counts: map[string]float64{}}
	before, err := l.warm(ctx, &s)
	if err != nil {
		return s, err
	}
	var open []net.Conn
	defer func() { closeConns(open) }()
	if open, err = l.openTo(ctx, open, l.many, dial, &s); err != nil {
		return s, err
	}
	if err := rest(ctx, idleRest); err != nil {
		return s, err
	}
	after, err := l.proxy.holds()
	if err != nil {
		return s, err
	}
	s.units = len(open)
	s.counts[countBefore], s.counts[countAfter] = float64(before.memory)/mebibyte, float64(after.memory)/mebibyte
	if s.units > 0 {
		s.counts[countMemory] = float64(after.memory-before.memory) / float64(s.units)
		s.counts[countDescriptors] = float64(after.descriptors-before.descriptors) / float64(s.units)
	}
	return s, nil
}

// more measures the memory of one more idle session beside a number of them. Short connections at
// each number make the heap grow to its size with that many sessions: otherwise chance decides
// which session makes it grow.
func (l *load) more(ctx context.Context) (sample, error) {
	s := sample{counts: map[string]float64{}}
	if _, err := l.warm(ctx, &s); err != nil {
		return s, err
	}
	var open []net.Conn
	defer func() { closeConns(open) }()
	at := func(n int) (memory int, err error) {
		if open, err = l.openTo(ctx, open, n, func() (net.Conn, error) { return l.dialIdle(ctx) }, &s); err != nil {
			return 0, err
		}
		churn := &tally{}
		l.warmUp(ctx, churn, warmUps)
		if s.errors += churn.errors; churn.errors > 0 {
			s.firstErr = churn.firstErr
		}
		if err := rest(ctx, idleRest); err != nil {
			return 0, err
		}
		held, err := l.proxy.holds()
		return held.memory, err
	}
	first, err := at(steps[0].from)
	if err != nil {
		return s, err
	}
	before, last := first, steps[len(steps)-1]
	for _, step := range steps {
		after, err := at(step.to)
		if err != nil {
			return s, err
		}
		s.counts[step.name] = float64(after-before) / float64(step.to-step.from)
		before = after
	}
	s.counts[countMore] = float64(before-first) / float64(last.to-steps[0].from)
	s.units = len(open)
	return s, nil
}

// atRest measures the memory of a process that has nothing to do.
func (l *load) atRest(ctx context.Context) (sample, error) {
	if err := rest(ctx, idleRest); err != nil {
		return sample{}, err
	}
	held, err := l.proxy.holds()
	return sample{counts: map[string]float64{
		countResident:  float64(held.resident) / mebibyte,
		countAnonymous: float64(held.anonymous) / mebibyte,
	}}, err
}

// openTo opens connections until there are n. It gives up on a proxy that refuses many, as each
// failure may take patience.
func (l *load) openTo(ctx context.Context, open []net.Conn, n int, dial func() (net.Conn, error), s *sample) ([]net.Conn, error) {
	for len(open) < n && s.errors <= shortClients {
		if l.stopped.Load() {
			return open, context.Canceled
		}
		conn, err := dial()
		if err != nil {
			s.errors++
			s.firstErr = err
			continue
		}
		open = append(open, conn)
	}
	return open, ctx.Err()
}

func closeConns(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// warm makes the proxy allocate what it allocates once, and returns what it holds then.
func (l *load) warm(ctx context.Context, s *sample) (holdings, error) {
	warm := &tally{}
	l.warmUp(ctx, warm, warmUps)
	s.errors, s.firstErr = warm.errors, warm.firstErr
	if err := rest(ctx, afterWarmUp); err != nil {
		return holdings{}, err
	}
	return l.proxy.holds()
}

// warmUp makes n short connections, so that buffers, caches and the first threads exist.
func (l *load) warmUp(ctx context.Context, counted *tally, n int64) {
	var left atomic.Int64
	left.Store(n)
	giveUp := time.Now().Add(2 * patience)
	workers := make([]func(), shortClients)
	for i := range workers {
		workers[i] = func() {
			l.short(ctx).repeat(counted, func(now time.Time) bool {
				return left.Add(-1) >= 0 && now.Before(giveUp) && !l.stopped.Load()
			})
		}
	}
	together(workers)
}
