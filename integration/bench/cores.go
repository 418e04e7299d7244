// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Cores are the two cores that the bench uses. On a machine with one core nothing is pinned.
type cores struct {
	pinned            bool
	proxy, load, both unix.CPUSet
}

// chooseCores picks the first two cores that this process may run on.
func chooseCores() (cores, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return cores{}, fmt.Errorf("asking for the cores: %w", err)
	}
	var first []int
	for cpu := 0; cpu < len(allowed)*64 && len(first) < 2; cpu++ {
		if allowed.IsSet(cpu) {
			first = append(first, cpu)
		}
	}
	if len(first) < 2 {
		return cores{}, nil
	}
	c := cores{pinned: true}
	c.proxy.Set(first[0])
	c.load.Set(first[1])
	c.both.Set(first[0])
	c.both.Set(first[1])
	return c, nil
}

// pinSelf moves all threads of this process to the load's core. Processes started from it inherit
// that.
func (c cores) pinSelf() error {
	if !c.pinned {
		return nil
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("listing own threads: %w", err)
	}
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			return fmt.Errorf("reading a thread's id: %w", err)
		}
		if err := unix.SchedSetaffinity(tid, &c.load); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("pinning a thread: %w", err)
		}
	}
	return nil
}

// on calls start with the calling thread on the given cores, so that a process started there stays
// there. The calling goroutine must be locked to its thread.
func (c cores) on(set *unix.CPUSet, start func() error) error {
	if !c.pinned {
		return start()
	}
	if err := unix.SchedSetaffinity(0, set); err != nil {
		return fmt.Errorf("moving to the proxy's core: %w", err)
	}
	err := start()
	// All threads: the runtime may have started one meanwhile.
	return errors.Join(err, c.pinSelf())
}

// raiseDescriptors raises the soft limit of descriptors to the hard one and returns it.
func raiseDescriptors() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("reading the limit of descriptors: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raising the limit of descriptors: %w", err)
	}
	return int(min(limit.Cur, 1<<20)), nil
}
