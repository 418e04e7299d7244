// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"time"
)

const (
	shortClients = 32
	manyClients  = 512
	rttClients   = 32
	bulkClients  = 4
	mixedClients = 8 // round trips beside bulkClients
	warmUps      = 5000
	idleRest     = 3 * time.Second
	afterWarmUp  = 500 * time.Millisecond
	fewRounds    = 3

	pacedRate    = 2000 // connections per second; leaves the proxy's core mostly free
	besideRate   = 500  // connections per second beside bulk
	floodRate    = 5000
	floodClients = 128
	beats        = 1000 // sessions that have a round trip each beatEvery
	beatEvery    = time.Second
)

// A workload is one row of a table, or several.
type workload struct {
	name  string
	title string
	mode  mode
	// base is another mode, in which the same is measured right afterwards, for comparison.
	base  *mode
	fresh bool // against a proxy that no other workload has used
	few   bool // at most fewRounds: it hardly varies
	skips func(variant) bool
	run   func(*load, context.Context) (sample, error)
}

// Names of the workloads that other files use.
const (
	workShort     = "short"
	workShortMany = "short512"
	workLate      = "late"
	workShortLog  = "short+log"
	workStuckLog  = "short+log:stuck"
	workPaced     = "paced"
	workTwo       = "two"
	workAccept    = "short+accept"
	workSend      = "short+send"
	workDownProxy = "down+proxy"
	workIdleProxy = "idle+proxy"
	workTables    = "short+tables"
	workWrapper   = "short+wrapper"
	workSite      = "site+wrapper"
	workSitePlain = "site+wrapper:plain"
	workRTT       = "rtt"
	workDown      = "down"
	workUp        = "up"
	workRTTBulk   = "rtt+bulk"
	workShortBulk = "short+bulk"
	workFlood     = "flood"
	workIdle      = "idle"
	workMore      = "more"
	workSilent    = "silent"
	workHalf      = "half"
	workRest      = "rest"
	workCalls     = "calls"
	workAllocs    = "allocs"
)

// wrapped is the mode of a frontend in the listener of an http server.
var wrapped = mode{site: true, wrapper: true}

// workloads holds the workloads in their order.
var workloads = []workload{
	{name: workShort, title: "short connection (1.5 KB hello), 32 clients", run: closedLoop(shortClients, (*load).short)},
	{name: workShortMany, title: "short connection, 512 clients", run: closedLoop(manyClients, (*load).short)},
	{name: workLate, title: "short connection, servers that answer late", mode: mode{late: true}, run: closedLoop(shortClients, (*load).short)},
	{name: workShortLog, title: "short connection, log on", mode: mode{log: true}, skips: notLogging, run: closedLoop(shortClients, (*load).short)},
	{name: workStuckLog, title: "short connection, log on, its target takes nothing", mode: mode{log: true, stuck: true}, base: &mode{log: true}, skips: notTheApp, run: closedLoop(shortClients, (*load).short)},
	{name: workPaced, title: "short connection, 2000 per second", run: (*load).workPaced},
	{name: workTwo, title: "short connection, two threads on two cores", mode: mode{two: true}, base: &mode{}, run: closedLoop(shortClients, (*load).short)},
	{name: workAccept, title: "short connection, PROXY header from the client", mode: mode{accept: true}, base: &mode{}, skips: notProxied, run: closedLoop(shortClients, (*load).short)},
	{name: workSend, title: "short connection, PROXY header to the server", mode: mode{send: true}, base: &mode{}, skips: notProxied, run: closedLoop(shortClients, (*load).short)},
	{name: workDownProxy, title: "MiB to the client, PROXY headers on both sides", mode: mode{accept: true, send: true}, base: &mode{}, skips: notProxied, run: onConnections(kindDown, bulkClients, bulkSize, (*client).download)},
	{name: workIdleProxy, title: "idle session, PROXY headers on both sides", mode: mode{accept: true, send: true}, fresh: true, few: true, skips: notProxied, run: (*load).idle},
	{name: workTables, title: "short connection, counted, limited and sticky by the client's address", mode: mode{tables: true}, base: &mode{}, skips: notProxied, run: closedLoop(shortClients, (*load).short)},
	{name: workWrapper, title: "short connection, frontend in the listener of an http server", mode: wrapped, base: &mode{}, skips: notTheApp, run: closedLoop(shortClients, (*load).short)},
	{name: workSite, title: "request to a site of Caddy behind such a frontend", mode: wrapped, base: &mode{site: true}, skips: notTheApp, run: closedLoop(shortClients, (*load).request)},
	{name: workSitePlain, title: "the same, compared with a plain address", mode: wrapped, base: &mode{site: true, plain: true}, skips: notTheApp, run: closedLoop(shortClients, (*load).request)},
	{name: workRTT, title: "1 KiB round trip", run: onConnections(kindRTT, rttClients, answerSize, (*client).roundTrips)},
	{name: workDown, title: "MiB to the client", run: onConnections(kindDown, bulkClients, bulkSize, (*client).download)},
	{name: workUp, title: "MiB to the server", run: onConnections(kindUp, bulkClients, bulkSize, (*client).upload)},
	{name: workRTTBulk, title: "1 KiB round trip beside bulk", run: (*load).workMixed},
	{name: workShortBulk, title: "short connection beside bulk", run: (*load).workShortBulk},
	{name: workFlood, title: "heartbeat of 1000 sessions beside 5000 connections per second", run: (*load).workFlood},
	{name: workIdle, title: "idle session", fresh: true, few: true, run: (*load).idle},
	{name: workMore, title: "one more idle session", fresh: true, few: true, run: (*load).more},
	{name: workSilent, title: "client that has sent nothing", mode: mode{silent: true}, fresh: true, few: true, run: partialHello(0)},
	{name: workHalf, title: "client that has sent half of its hello", mode: mode{silent: true}, fresh: true, few: true, run: partialHello(0.5)},
	{name: workRest, title: "process at rest", fresh: true, few: true, run: (*load).atRest},
	{name: workCalls, title: "system calls of a short connection", fresh: true, few: true, run: (*load).calls},
	{name: workAllocs, title: "allocations of a short connection", mode: mode{log: true, admin: true}, fresh: true, few: true, skips: notOurs, run: (*load).allocations},
}

// works holds the workloads by name.
var works = func() map[string]workload {
	m := make(map[string]workload, len(workloads))
	for _, w := range workloads {
		m[w.name] = w
	}
	return m
}()

func workNames() (names []string) {
	for _, w := range workloads {
		names = append(names, w.name)
	}
	return names
}

// notLogging reports whether the configuration of a variant has no log of connections.
func notLogging(v variant) bool {
	return !v.isHAProxy() && v.program != "ours" || v.title == "haproxy splice"
}

// notProxied reports whether the configuration of a variant has no PROXY headers.
func notProxied(v variant) bool {
	return v.title != "ours" && (!v.isHAProxy() || v.title == "haproxy splice")
}

// notTheApp reports whether a variant is not ours as a frontend of the app.
func notTheApp(v variant) bool { return v.title != "ours" }

func notOurs(v variant) bool { return v.program != "ours" }

// closedLoop returns a workload of clients that each make one connection after another.
func closedLoop(clients int, of func(*load, context.Context) unit) func(*load, context.Context) (sample, error) {
	return func(l *load, ctx context.Context) (sample, error) {
		tallies := make([]*tally, clients)
		workers := make([]func(deadline), clients)
		for i := range workers {
			tallies[i] = &tally{}
			workers[i] = func(until deadline) {
				of(l, ctx).repeat(tallies[i], func(now time.Time) bool { return !until.over(now) })
			}
		}
		return l.sampled(workers, func() []*tally { return tallies })
	}
}

// sampled runs workers for the duration of the workload, and sums up their tallies.
func (l *load) sampled(workers []func(deadline), counted func() []*tally) (sample, error) {
	cpu, elapsed, err := l.during(workers)
	if err != nil {
		return sample{}, err
	}
	s := sum(counted())
	s.cpu, s.elapsed = cpu, elapsed
	return s, nil
}

// onConnections returns a workload that runs on n connections opened before the measurement.
func onConnections(k kind, n, buffer int, run func(*client, deadline)) func(*load, context.Context) (sample, error) {
	return func(l *load, ctx context.Context) (sample, error) {
		l.server.collect() // left by an earlier run
		clients, err := l.open(ctx, k, n, buffer)
		if err != nil {
			return sample{}, err
		}
		defer closeAll(clients)
		return l.sampled(bind(clients, run), func() []*tally {
			if k == kindUp {
				return append(talliesOf(clients), l.server.collect()...)
			}
			return talliesOf(clients)
		})
	}
}

// workMixed measures round trips beside downloads at full speed.
func (l *load) workMixed(ctx context.Context) (sample, error) {
	bulk, err := l.startBulk(ctx)
	if err != nil {
		return sample{}, err
	}
	defer bulk.close()
	trips, err := l.open(ctx, kindRTT, mixedClients, answerSize)
	if err != nil {
		return sample{}, err
	}
	defer closeAll(trips)
	workers := append(bind(trips, (*client).roundTrips), bulk.run)
	s, err := l.sampled(workers, func() []*tally { return talliesOf(trips) })
	s.beside(bulk.made)
	return s, err
}

// beside records the traffic and the errors beside the measured units.
func (s *sample) beside(other sample) {
	s.bulk = other.units
	s.errors += other.errors
	if s.firstErr == nil {
		s.firstErr = other.firstErr
	}
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
