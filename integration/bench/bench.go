// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
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
