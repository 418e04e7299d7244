// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	countedCalls  = 3000  // connections whose system calls are counted
	countedAllocs = 20000 // connections whose allocations are counted
	straceTime    = 10 * time.Second
	allCalls      = "in all"
	countObjects  = "objects"
	countBytes    = "bytes"
)

var errNoStrace = errors.New("strace is not there")

// calls counts the system calls of short connections, by name and in total.
func (l *load) calls(ctx context.Context) (sample, error) {
	if l.strace == "" {
		return sample{}, errNoStrace
	}
	counted := &tally{}
	l.warmUp(ctx, counted, warmUps)
	output := filepath.Join(filepath.Dir(l.proxy.output), "calls")
	end, err := l.trace(ctx, output)
	if err != nil {
		return sample{}, err
	}
	counted = &tally{}
	l.warmUp(ctx, counted, countedCalls)
	if err := errors.Join(rest(ctx, between), end()); err != nil { // last ends count, too
		return sample{}, err
	}
	text, err := os.ReadFile(output) //nolint:gosec // in its own temporary directory
	if err != nil {
		return sample{}, fmt.Errorf("reading what strace has counted: %w", err)
	}
	s := sum([]*tally{counted})
	if s.counts, err = perConnection(string(text), s.units); err != nil {
		return sample{}, err
	}
	return s, nil
}

// trace counts the system calls of the proxy with strace until end is called.
func (l *load) trace(ctx context.Context, output string) (end func() error, err error) {
	args := []string{"-f", "-c", "-o", output}
	for _, pid := range l.proxy.pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	command := exec.CommandContext(ctx, l.strace, args...) //nolint:gosec // a program on PATH
	said, err := command.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("starting strace: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting strace: %w", err)
	}
	attached := make(chan bool, 1)
	go reportAttached(said, len(l.proxy.pids), attached)
	select {
	case ok := <-attached:
		if !ok {
			return nil, errors.Join(errors.New("strace cannot attach to the proxy"), command.Wait())
		}
	case <-time.After(straceTime):
		return nil, errors.Join(errors.New("strace does not attach to the proxy"), command.Process.Kill(), command.Wait())
	}
	return func() error {
		if err := command.Process.Signal(unix.SIGINT); err != nil {
			return fmt.Errorf("ending strace: %w", err)
		}
		_ = command.Wait() // it ends by the signal; its table is checked
		return nil
	}, nil
}

// reportAttached sends true once strace has said that it is attached to that many processes. It
// closes the channel at the end of what strace says.
func reportAttached(said io.Reader, processes int, attached chan<- bool) {
	defer close(attached)
	lines := bufio.NewScanner(said)
	for lines.Scan() { // to the end, or strace blocks
		if !strings.Contains(lines.Text(), "attached") {
			continue
		}
		if processes--; processes == 0 {
			attached <- true
		}
	}
}

// perConnection parses the table of strace -c, whose columns are the share of time, seconds,
// microseconds per call, calls, errors (may be empty) and the name.
func perConnection(table string, connections int) (map[string]float64, error) {
	counts := map[string]float64{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		calls, err := strconv.Atoi(fields[3])
		if err != nil {
			continue
		}
		name := fields[len(fields)-1]
		if name == "total" {
			name = allCalls
		}
		counts[name] = float64(calls) / float64(connections)
	}
	if counts[allCalls] == 0 {
		return nil, fmt.Errorf("strace has counted nothing: %q", table)
	}
	return counts, nil
}

// allocations asks a Go program how much it allocated for short connections, from accept to the log
// line.
func (l *load) allocations(ctx context.Context) (sample, error) {
	l.warmUp(ctx, &tally{}, warmUps)
	l.proxy.syslog.lines.Store(0)
	before, err := l.allocated(ctx)
	if err != nil {
		return sample{}, err
	}
	counted := &tally{}
	l.warmUp(ctx, counted, countedAllocs)
	if err := rest(ctx, between); err != nil {
		return sample{}, err
	}
	after, err := l.allocated(ctx)
	if err != nil {
		return sample{}, err
	}
	s := sum([]*tally{counted})
	s.counts = map[string]float64{
		countObjects: float64(after.Mallocs-before.Mallocs) / float64(s.units),
		countBytes:   float64(after.TotalAlloc-before.TotalAlloc) / float64(s.units),
	}
	return s, nil
}

// memoryStats holds the fields of runtime.MemStats that the bench needs.
type memoryStats struct{ Mallocs, TotalAlloc uint64 }

func (l *load) allocated(ctx context.Context) (memoryStats, error) {
	var vars struct {
		Memory memoryStats `json:"memstats"`
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.proxy.admin+"/debug/vars", nil) //nolint:gosec // its own proxy, on loopback
	if err != nil {
		return vars.Memory, fmt.Errorf("asking for allocations: %w", err)
	}
	response, err := http.DefaultClient.Do(request) //nolint:gosec // same
	if err != nil {
		return vars.Memory, fmt.Errorf("asking for allocations: %w", err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&vars); err != nil {
		return vars.Memory, fmt.Errorf("reading allocations: %w", err)
	}
	return vars.Memory, nil
}
