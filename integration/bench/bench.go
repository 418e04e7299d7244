// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	between  = 200 * time.Millisecond // pause between runs
	maxIdle  = 9000
	ownFiles = 1000 // descriptors kept for anything but connections
)

// A runKey identifies a result.
type runKey struct {
	work, proxy string
	round       int
}

type bench struct {
	options     options
	dir         string
	programs    map[string]string
	nginxModule string
	far         *far // nil: not available
	limit       int  // connections through one proxy
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
	if limit < 2*manyClients {
		return nil, fmt.Errorf("%d descriptors are too few", files)
	}
	b := &bench{options: o, limit: limit, idleCount: min(o.idle, limit), results: map[runKey]sample{}}
	if b.idleCount < o.idle {
		say("%d descriptors allow only %d idle connections", files, b.idleCount)
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

// prepare builds and finds the programs, and pins this process only then: builds use all cores.
func (b *bench) prepare(ctx context.Context) (err error) {
	if err := b.findPrograms(ctx); err != nil {
		return err
	}
	if b.cores, err = chooseCores(); err != nil {
		return err
	}
	if !b.cores.pinned {
		say("only one core: nothing is pinned, and the load competes with the proxies")
	}
	if err := b.cores.pinSelf(); err != nil {
		return err
	}
	if err := b.prepareFar(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// prepareFar sets up the servers that answer late, or removes the workloads that need them.
func (b *bench) prepareFar(ctx context.Context) (err error) {
	isLate := func(name string) bool { return works[name].mode.late }
	if !slices.ContainsFunc(b.options.works, isLate) {
		return nil
	}
	if os.Getenv(insideEnv) != "" {
		b.far, err = b.openFar(ctx)
		return err
	}
	b.options.works = slices.DeleteFunc(b.options.works, isLate)
	if len(b.options.works) == 0 {
		return errors.New("the workload needs network namespaces: run as root")
	}
	return nil
}

// build builds the programs that are needed and not given.
func build(ctx context.Context, o *options, dir string) error {
	for _, build := range []struct {
		program, source string
		ready           *string
	}{
		{"ours", "./cmd/caddy", &o.ours},
		{"stock", "./integration/bench/stock", &o.stock},
	} {
		if !slices.ContainsFunc(o.proxies, func(name string) bool { return variants[name].program == build.program }) {
			continue
		}
		if *build.ready != "" {
			ready, err := filepath.Abs(*build.ready)
			if err != nil {
				return fmt.Errorf("finding %s: %w", *build.ready, err)
			}
			*build.ready = ready
			continue
		}
		say("building %s", build.source)
		*build.ready = filepath.Join(dir, build.program)
		command := exec.CommandContext(ctx, "go", "build", "-o", *build.ready, build.source) //nolint:gosec // this module's own packages
		command.Stderr = os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("building %s: %w", build.source, err)
		}
	}
	return nil
}

func (b *bench) findPrograms(ctx context.Context) error {
	o := &b.options
	b.programs = map[string]string{"ours": o.ours, "stock": o.stock}
	for program, name := range map[string]string{"haproxy": "haproxy", "newest": o.newest, "nginx": "nginx", "strace": "strace"} {
		if path, err := exec.LookPath(name); err == nil {
			b.programs[program] = path
		}
	}
	if path := b.programs["newest"]; path != "" {
		v := variants["newest"]
		v.title = shortVersion(programVersion(ctx, path))
		variants["newest"] = v
	} else if o.newest == "" {
		o.proxies = slices.DeleteFunc(o.proxies, func(name string) bool { return name == "newest" })
	}
	if nginx := b.programs["nginx"]; nginx != "" {
		module, ok := nginxModule(ctx, nginx)
		if b.nginxModule = module; !ok {
			say("nginx has no stream module (package libnginx-mod-stream)")
			delete(b.programs, "nginx")
		}
	}
	o.proxies = slices.DeleteFunc(o.proxies, func(name string) bool {
		lacking := b.programs[variants[name].program] == ""
		if lacking {
			say("%s is not installed: leaving out %s", variants[name].program, variants[name].title)
		}
		return lacking
	})
	if len(o.proxies) == 0 {
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
	return &load{
		hello: b.hello, proxy: p, server: p.server, stopped: &b.stopped,
		lasting: time.Duration(b.options.seconds) * time.Second, many: b.idleCount, strace: b.programs["strace"],
	}
}

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

// together runs all workers and waits for them.
func together(workers []func()) {
	var all sync.WaitGroup
	for _, work := range workers {
		all.Go(work)
	}
	all.Wait()
}
