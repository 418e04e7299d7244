// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

const (
	shortClients = 32
	rttClients   = 32
	bulkClients  = 4
	mixedClients = 8 // of round trips, beside bulkClients
	warmUps      = 5000
	idleRest     = 3 * time.Second
	afterWarmUp  = 500 * time.Millisecond
	workShort    = "short"
	workShortLog = "short+log"
	workRTT      = "rtt"
	workDown     = "down"
	workUp       = "up"
	workRTTBulk  = "rtt+bulk"
	workIdle     = "idle"
)

var workNames = []string{workShort, workShortLog, workRTT, workDown, workUp, workRTTBulk, workIdle}

// work runs one workload against a proxy that runs, but for idle.
func (l *load) work(ctx context.Context, name string) (sample, error) {
	switch name {
	case workShort, workShortLog:
		return l.workShort(ctx)
	case workRTT:
		return l.workConnections(ctx, kindRTT, rttClients, answerSize, (*client).roundTrips)
	case workDown:
		return l.workConnections(ctx, kindDown, bulkClients, bulkSize, (*client).download)
	case workUp:
		return l.workConnections(ctx, kindUp, bulkClients, bulkSize, (*client).upload)
	case workRTTBulk:
		return l.workMixed(ctx)
	default:
		return sample{}, fmt.Errorf("no workload %q", name)
	}
}

func (l *load) workShort(ctx context.Context) (sample, error) {
	tallies := make([]*tally, shortClients)
	workers := make([]func(deadline), shortClients)
	for i := range workers {
		tallies[i] = &tally{}
		workers[i] = func(until deadline) {
			l.short(ctx, tallies[i], func(now time.Time) bool { return !until.over(now) })
		}
	}
	cpu, elapsed, err := l.during(workers)
	if err != nil {
		return sample{}, err
	}
	s := sum(tallies)
	s.cpu, s.elapsed = cpu, elapsed
	return s, nil
}

func (l *load) workConnections(ctx context.Context, k kind, n, buffer int, run func(*client, deadline)) (sample, error) {
	l.server.collect() // what an earlier run left
	clients, err := l.open(ctx, k, n, buffer)
	if err != nil {
		return sample{}, err
	}
	defer closeAll(clients)
	cpu, elapsed, err := l.during(bind(clients, run))
	if err != nil {
		return sample{}, err
	}
	tallies := talliesOf(clients)
	if k == kindUp {
		tallies = append(tallies, l.server.collect()...)
	}
	s := sum(tallies)
	s.cpu, s.elapsed = cpu, elapsed
	return s, nil
}

// workMixed measures round trips while other connections take all that they can get.
func (l *load) workMixed(ctx context.Context) (sample, error) {
	bulk, err := l.open(ctx, kindDown, bulkClients, bulkSize)
	if err != nil {
		return sample{}, err
	}
	defer closeAll(bulk)
	trips, err := l.open(ctx, kindRTT, mixedClients, answerSize)
	if err != nil {
		return sample{}, err
	}
	defer closeAll(trips)
	workers := append(bind(bulk, (*client).download), bind(trips, (*client).roundTrips)...)
	cpu, elapsed, err := l.during(workers)
	if err != nil {
		return sample{}, err
	}
	s, beside := sum(talliesOf(trips)), sum(talliesOf(bulk))
	s.cpu, s.elapsed, s.bulk = cpu, elapsed, beside.units
	s.errors += beside.errors
	if s.firstErr == nil {
		s.firstErr = beside.firstErr
	}
	return s, nil
}

func bind(clients []*client, run func(*client, deadline)) []func(deadline) {
	workers := make([]func(deadline), len(clients))
	for i, c := range clients {
		workers[i] = func(until deadline) { run(c, until) }
	}
	return workers
}

func talliesOf(clients []*client) []*tally {
	tallies := make([]*tally, len(clients))
	for i, c := range clients {
		tallies[i] = &c.tally
	}
	return tallies
}

// idle opens n connections to a proxy that nothing else has used, and tells what each
// of them holds while it is silent.
func (l *load) idle(ctx context.Context, n int) (sample, error) {
	warm := &tally{}
	l.warmUp(ctx, warm)
	if err := rest(ctx, afterWarmUp); err != nil {
		return sample{}, err
	}
	before, err := l.proxy.holds()
	if err != nil {
		return sample{}, err
	}
	s := sample{errors: warm.errors, firstErr: warm.firstErr}
	hello, buf := helloOf(l.hello, kindIdle), make([]byte, answerSize)
	clients := make([]*client, 0, n)
	defer func() { closeAll(clients) }()
	for range n {
		if l.stopped.Load() {
			return sample{}, context.Canceled
		}
		conn, err := l.dial(ctx, hello, buf, serverLife)
		if err != nil {
			s.errors++
			s.firstErr = err
			if s.errors > shortClients { // a proxy that is full would take patience each time
				break
			}
			continue
		}
		clients = append(clients, &client{Conn: conn})
	}
	if err := rest(ctx, idleRest); err != nil {
		return sample{}, err
	}
	after, err := l.proxy.holds()
	if err != nil {
		return sample{}, err
	}
	s.units = len(clients)
	s.memoryBefore, s.memoryAfter = float64(before.memory), float64(after.memory)
	if s.units == 0 {
		s.memory, s.descriptors = math.NaN(), math.NaN()
		return s, nil
	}
	s.memory = float64(after.memory-before.memory) / float64(s.units)
	s.descriptors = float64(after.descriptors-before.descriptors) / float64(s.units)
	return s, nil
}

// warmUp has the proxy take what it takes once: buffers, caches, its first threads.
func (l *load) warmUp(ctx context.Context, warm *tally) {
	var left atomic.Int64
	left.Store(warmUps)
	giveUp := time.Now().Add(2 * patience)
	workers := make([]func(), shortClients)
	for i := range workers {
		workers[i] = func() {
			l.short(ctx, warm, func(now time.Time) bool {
				return left.Add(-1) >= 0 && now.Before(giveUp) && !l.stopped.Load()
			})
		}
	}
	together(workers)
}
