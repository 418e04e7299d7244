// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	between  = 200 * time.Millisecond // runs
	maxIdle  = 9000
	ownFiles = 1000 // descriptors that are kept for other things than connections
)

// A run is what results are kept by.
type runKey struct {
	work, proxy string
	round       int
}

type bench struct {
	options     options
	dir         string
	programs    map[string]string
	nginxModule string
	limit       int // of connections through one proxy
	idleCount   int
	cores       cores
	hello       []byte
	stopped     atomic.Bool
	running     []*proxy
	port        int
	results     map[runKey]sample
}

func newBench(ctx context.Context, o options) (*bench, error) {
	files, err := raiseDescriptors()
	if err != nil {
		return nil, err
	}
	limit := min(maxIdle, (files-ownFiles)/2)
	if limit < 2*shortClients {
		return nil, fmt.Errorf("%d descriptors are too few", files)
	}
	b := &bench{options: o, limit: limit, idleCount: min(o.idle, limit), results: map[runKey]sample{}}
	if b.idleCount < o.idle {
		say("%d descriptors allow %d idle connections", files, b.idleCount)
	}
	if b.hello, err = captureHello(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	context.AfterFunc(ctx, func() { b.stopped.Store(true) })
	if err := b.prepare(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// prepare builds and finds the programs, and only then pins: builds take all cores.
func (b *bench) prepare(ctx context.Context) (err error) {
	if err := b.findPrograms(ctx); err != nil {
		return err
	}
	if b.cores, err = chooseCores(); err != nil {
		return err
	}
	if !b.cores.pinned {
		say("there is one core only: nothing is pinned, and the load takes from the proxies")
	}
	if err := b.cores.pinSelf(); err != nil {
		return err
	}
	return ctx.Err()
}

func (b *bench) findPrograms(ctx context.Context) error {
	b.programs = map[string]string{}
	for _, build := range []struct{ program, ready, source string }{
		{"ours", b.options.ours, "./cmd/caddy"},
		{"stock", b.options.stock, "./integration/bench/stock"},
	} {
		if !slices.ContainsFunc(b.options.proxies, func(name string) bool { return variants[name].program == build.program }) {
			continue
		}
		if build.ready != "" {
			ready, err := filepath.Abs(build.ready)
			if err != nil {
				return fmt.Errorf("finding %s: %w", build.ready, err)
			}
			b.programs[build.program] = ready
			continue
		}
		say("building %s", build.source)
		b.programs[build.program] = filepath.Join(b.dir, build.program)
		command := exec.CommandContext(ctx, "go", "build", "-o", b.programs[build.program], build.source) //nolint:gosec // this module's own packages
		command.Stderr = os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("building %s: %w", build.source, err)
		}
	}
	for _, program := range []string{"haproxy", "nginx"} {
		if path, err := exec.LookPath(program); err == nil {
			b.programs[program] = path
		}
	}
	if nginx := b.programs["nginx"]; nginx != "" {
		module, ok := nginxModule(ctx, nginx)
		if b.nginxModule = module; !ok {
			say("nginx has no stream module (package libnginx-mod-stream)")
			delete(b.programs, "nginx")
		}
	}
	b.options.proxies = slices.DeleteFunc(b.options.proxies, func(name string) bool {
		lacking := b.programs[variants[name].program] == ""
		if lacking {
			say("%s is not there: going on without %s", variants[name].program, variants[name].title)
		}
		return lacking
	})
	if len(b.options.proxies) == 0 {
		return errors.New("no proxy is left")
	}
	return nil
}

func (b *bench) close() {
	b.stopAll()
	if err := os.RemoveAll(b.dir); err != nil { //nolint:gosec // its own temporary directory
		say("removing %s: %v", b.dir, err)
	}
}

func (b *bench) load(p *proxy) *load {
	return &load{hello: b.hello, proxy: p, server: p.server, lasting: time.Duration(b.options.seconds) * time.Second, stopped: &b.stopped}
}

// rounds runs all there is to run. What fails for one proxy does not keep the others
// from their turn.
func (b *bench) rounds(ctx context.Context) error {
	proxies := map[string]*proxy{}
	var broken error
	for round := range b.options.rounds {
		for _, work := range b.options.works {
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

// turn runs one workload against one proxy, which it starts where it does not run yet.
func (b *bench) turn(ctx context.Context, proxies map[string]*proxy, key runKey) error {
	name := key.proxy
	if key.work == workShortLog {
		name += "+log"
		if _, ok := variants[name]; !ok {
			return nil
		}
	}
	if err := rest(ctx, between); err != nil {
		return err
	}
	if key.work == workIdle {
		return b.idleTurn(ctx, key)
	}
	p := proxies[name]
	if p == nil {
		var err error
		if p, err = b.start(ctx, name); err != nil {
			return err
		}
		proxies[name] = p
	}
	s, err := b.load(p).work(ctx, key.work)
	if err != nil {
		return err
	}
	if err := b.checkLog(ctx, p, s.units); err != nil {
		return err
	}
	b.keep(key, s)
	return nil
}

func (b *bench) idleTurn(ctx context.Context, key runKey) error {
	p, err := b.start(ctx, key.proxy)
	if err != nil {
		return err
	}
	defer b.stop(p)
	s, err := b.load(p).idle(ctx, b.idleCount)
	if err != nil {
		return err
	}
	b.keep(key, s)
	return nil
}

// checkLog complains of a proxy that should have logged and has not.
func (b *bench) checkLog(ctx context.Context, p *proxy, connections int) error {
	if p.log == "" {
		return nil
	}
	if err := rest(ctx, between); err != nil {
		return err
	}
	lines, err := p.cutLog()
	if err != nil {
		return err
	}
	if lines < connections*99/100 {
		return fmt.Errorf("%d log lines for %d connections", lines, connections)
	}
	return nil
}

func (b *bench) keep(key runKey, s sample) {
	b.results[key] = s
	failed := ""
	if s.errors > 0 {
		failed = fmt.Sprintf(", %d errors, the first: %v", s.errors, s.firstErr)
	}
	if key.work == workIdle {
		say("round %d  %-9s  %-8s  %d connections, %.0f bytes and %.2f descriptors each, %.1f MiB before and %.1f MiB then%s",
			key.round+1, key.work, key.proxy, s.units, s.memory, s.descriptors, s.memoryBefore/mebibyte, s.memoryAfter/mebibyte, failed)
		return
	}
	perSecond := float64(s.units) / s.elapsed.Seconds()
	cpu := perUnit(s)
	busy := 100 * s.cpu.Seconds() / s.elapsed.Seconds()
	say("round %d  %-9s  %-8s  %.0f/s, CPU %.2f us each (%.0f%% of its core), p50 %.0f us, p99 %.0f us%s",
		key.round+1, key.work, key.proxy, perSecond, cpu, busy, micros(s.p50), micros(s.p99), failed)
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// together runs all and waits for them.
func together(workers []func()) {
	var all sync.WaitGroup
	for _, work := range workers {
		all.Go(work)
	}
	all.Wait()
}
