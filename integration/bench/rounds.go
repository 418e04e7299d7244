// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rounds runs everything. A failure with one proxy does not stop the others.
func (b *bench) rounds(ctx context.Context) error {
	proxies := map[started]*proxy{}
	var broken error
	for round := range b.options.rounds {
		for _, work := range b.options.works {
			if works[work].few && round >= fewRounds {
				continue
			}
			for i := range b.options.proxies {
				name := b.options.proxies[(i+round)%len(b.options.proxies)]
				err := b.turn(ctx, proxies, runKey{work, name, round})
				if ctx.Err() != nil {
					return errors.New("interrupted")
				}
				if err != nil {
					err = fmt.Errorf("round %d, %s, %s: %w", round+1, work, name, err)
					say("%v", err)
					broken = errors.Join(broken, err)
				}
			}
		}
	}
	return broken
}

// A started identifies a running proxy.
type started struct {
	name string
	mode mode
}

// turn runs one workload against one proxy.
func (b *bench) turn(ctx context.Context, proxies map[started]*proxy, key runKey) error {
	w := works[key.work]
	if w.skips != nil && w.skips(variants[key.proxy]) {
		return nil
	}
	s, err := b.measure(ctx, proxies, key.proxy, w, w.mode)
	if err != nil {
		return err
	}
	if w.base != nil {
		base, err := b.measure(ctx, proxies, key.proxy, w, *w.base)
		if err != nil {
			return err
		}
		s.base = &base
	}
	b.keep(key, s)
	return nil
}

// measure runs a workload against a proxy in a mode, and starts the proxy if it is not running yet.
func (b *bench) measure(ctx context.Context, proxies map[started]*proxy, name string, w workload, m mode) (s sample, err error) {
	if err := rest(ctx, between); err != nil {
		return s, err
	}
	p := proxies[started{name, m}]
	if p == nil || w.fresh {
		if p, err = b.start(ctx, name, m); err != nil {
			return s, err
		}
		if w.fresh {
			defer b.stop(p)
		} else {
			proxies[started{name, m}] = p
		}
	}
	if s, err = w.run(b.load(p), ctx); err != nil || !m.log {
		return s, err
	}
	return s, b.checkLog(ctx, p, s.units)
}

// checkLog returns an error if a proxy has not logged its connections.
func (b *bench) checkLog(ctx context.Context, p *proxy, connections int) error {
	if err := rest(ctx, between); err != nil {
		return err
	}
	if p.stuck != nil {
		return nil
	}
	if lines := int(p.syslog.lines.Swap(0)); lines < connections*99/100 {
		return fmt.Errorf("%d log lines for %d connections", lines, connections)
	}
	return nil
}

func (b *bench) keep(key runKey, s sample) {
	b.results[key] = s
	var said strings.Builder
	fmt.Fprintf(&said, "round %d  %-10s  %-8s ", key.round+1, key.work, key.proxy)
	if s.cpu > 0 {
		busy := 100 * s.cpu.Seconds() / s.elapsed.Seconds()
		fmt.Fprintf(&said, " %.0f/s, CPU %.2f us each (%.0f%% of a core), p50 %.0f us, p99 %.0f us",
			float64(s.units)/s.elapsed.Seconds(), perUnit(s), busy, micros(s.p50), micros(s.p99))
	}
	for _, name := range slices.Sorted(maps.Keys(s.counts)) {
		fmt.Fprintf(&said, " %s %s", number(s.counts[name]), name)
	}
	if s.errors > 0 {
		fmt.Fprintf(&said, ", %d errors, the first: %v", s.errors, s.firstErr)
	}
	say("%s", &said)
}
