// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
)

type options struct {
	rounds, seconds, idle int
	works, proxies        []string
	output                string
	ours, stock, newest   string // programs
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "runs of each workload against each proxy")
	flags.IntVar(&o.seconds, "seconds", 3, "duration of each run")
	flags.IntVar(&o.idle, "idle", 6000, "connections in the workload idle")
	flags.StringVar(&o.output, "o", "", "file to write the tables to, in addition to standard output")
	flags.StringVar(&o.ours, "ours", "", "a built cmd/caddy; default: build it")
	flags.StringVar(&o.stock, "stock", "", "a built integration/bench/stock; default: build it")
	flags.StringVar(&o.newest, "haproxy", "", "a second HAProxy, beside the one on PATH")
	only := flags.String("only", strings.Join(workNames(), ","), "workloads")
	proxies := flags.String("proxies", strings.Join(columns, ","), "proxies")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.seconds < 1 || o.idle < 1 {
		return options{}, errors.New("expected flags only, with numbers of at least 1: see -h")
	}
	var err error
	if o.works, err = choose(*only, workNames()); err != nil {
		return options{}, err
	}
	o.proxies, err = choose(*proxies, columns)
	return o, err
}

// choose returns the names of the list in the order of all.
func choose(list string, all []string) ([]string, error) {
	chosen := strings.Split(list, ",")
	for _, name := range chosen {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("unknown name %q: expected one of %s", name, strings.Join(all, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !slices.Contains(chosen, name) }), nil
}

func main() {
	// The thread that starts proxies moves to their core for that moment, and must outlive them: they
	// die with it.
	runtime.LockOSThread()
	if os.Getenv(bulkEnv) != "" {
		if err := makeBulk(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: bulk traffic:", err)
			os.Exit(1)
		}
		return
	}
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = start(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start builds the programs, and runs the bench in its own network namespace if it may: servers
// that answer late need one, and firewall rules of the machine cost nothing there.
func start(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if os.Getenv(insideEnv) != "" {
		if err := furnish(ctx); err != nil {
			return err
		}
		return run(ctx, o)
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // its own, with temporary files
	if err := build(ctx, &o, dir); err != nil {
		return err
	}
	err = runInside(ctx, o)
	if !errors.Is(err, errNoNamespace) {
		return err
	}
	say("%v: skipping the workloads with servers that answer late", err)
	return run(ctx, o)
}

func run(ctx context.Context, o options) error {
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400) // the collector would take its time from the load
	benchErr := b.rounds(ctx)
	if len(b.results) > 0 {
		// Results of a broken run are useful, too.
		benchErr = errors.Join(benchErr, b.print(ctx, os.Stdout, benchErr == nil))
	}
	return benchErr
}

// print writes the tables to standard output and, if requested, to a file. A broken run leaves the
// file alone: it may hold the tables of a complete run.
func (b *bench) print(ctx context.Context, stdout io.Writer, whole bool) error {
	text := b.report() + "\n" + b.machine(context.WithoutCancel(ctx)) + "\n" + b.bars()
	if _, err := io.WriteString(stdout, text); err != nil {
		return fmt.Errorf("printing the tables: %w", err)
	}
	if b.options.output == "" || !whole {
		return nil
	}
	if err := os.WriteFile(b.options.output, []byte(text), 0o644); err != nil { //nolint:gosec // a document that anyone may read
		return fmt.Errorf("writing the tables: %w", err)
	}
	return nil
}
