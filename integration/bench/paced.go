// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"
)

// A pace is the schedule of one of several clients that together keep a rate.
type pace struct {
	next  time.Time
	every time.Duration
}

// paceOf returns the schedule of client i of n, which together act rate times per second.
func paceOf(i, n, rate int) pace {
	every := time.Duration(n) * time.Second / time.Duration(rate)
	return pace{time.Now().Add(every * time.Duration(i) / time.Duration(n)), every}
}

// wait waits for the next time, and returns when it was due: now, unless the client is late because
// its previous action took too long. That time counts.
func (p *pace) wait() time.Time {
	due := p.next
	p.next = p.next.Add(p.every)
	if ahead := time.Until(due); ahead > 0 {
		time.Sleep(ahead)
		return time.Now()
	}
	return due
}

// paced returns n clients that make short connections at a rate, however slow the proxy is.
func (l *load) paced(ctx context.Context, n, rate int) ([]func(deadline), []*tally) {
	tallies, workers := make([]*tally, n), make([]func(deadline), n)
	for i := range workers {
		t := &tally{}
		tallies[i] = t
		workers[i] = func(until deadline) {
			hello, buf := helloOf(l.hello, kindShort), make([]byte, answerSize)
			for p := paceOf(i, n, rate); ; {
				due := p.wait()
				if until.over(time.Now()) {
					return
				}
				conn, err := l.dial(ctx, hello, buf, patience)
				if err != nil {
					t.fail(err)
					continue
				}
				t.add(time.Since(due))
				conn.Close()
			}
		}
	}
	return workers, tallies
}

func (l *load) workPaced(ctx context.Context) (sample, error) {
	workers, tallies := l.paced(ctx, shortClients, pacedRate)
	return l.sampled(workers, func() []*tally { return tallies })
}

// workShortBulk measures new connections beside downloads at full speed.
func (l *load) workShortBulk(ctx context.Context) (sample, error) {
	bulk, err := l.startBulk(ctx)
	if err != nil {
		return sample{}, err
	}
	defer bulk.close()
	workers, tallies := l.paced(ctx, shortClients, besideRate)
	s, err := l.sampled(append(workers, bulk.run), func() []*tally { return tallies })
	s.beside(bulk.made)
	return s, err
}

// workFlood measures the round trips of sessions beside connections at a high rate.
func (l *load) workFlood(ctx context.Context) (sample, error) {
	sessions, err := l.open(ctx, kindRTT, beats, answerSize)
	if err != nil {
		return sample{}, err
	}
	defer closeAll(sessions)
	workers, flood := l.paced(ctx, floodClients, floodRate)
	for i, c := range sessions {
		workers = append(workers, func(until deadline) { c.beat(i, until) })
	}
	s, err := l.sampled(workers, func() []*tally { return talliesOf(sessions) })
	if err != nil {
		return s, err
	}
	beside := sum(flood)
	s.beside(beside)
	s.bulk = 0
	s.counts = map[string]float64{"connections per second": float64(beside.units) / s.elapsed.Seconds()}
	return s, nil
}

// beat makes a round trip every beatEvery, as session i of all.
func (c *client) beat(i int, until deadline) {
	sent, got := bytes.Clone(answer), c.buf[:answerSize]
	for p := paceOf(i, beats, int(beats*time.Second/beatEvery)); ; {
		due := p.wait()
		if until.over(time.Now()) {
			return
		}
		binary.BigEndian.PutUint64(sent, uint64(len(c.tally.took)))
		if err := exchange(c, sent, got, sent); err != nil {
			c.tally.fail(err)
			return
		}
		c.tally.add(time.Since(due))
	}
}
