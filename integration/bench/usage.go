// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// groupOf returns the processes of a process group.
func groupOf(group int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if of, err := unix.Getpgid(pid); err == nil && of == group {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return nil, errors.New("the proxy has no process")
	}
	return pids, nil
}

// cpu returns the CPU time of all processes of the proxy, user and kernel. It is the sum of the two
// times in /proc/PID/stat, which that file gives in steps of 10 ms: the processes' clocks have it
// to the nanosecond.
func (p *proxy) cpu() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range p.pids {
		var spent unix.Timespec
		clock := int32(^pid<<3 | 2) // MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)
		if err := unix.ClockGettime(clock, &spent); err != nil {
			return 0, fmt.Errorf("reading the CPU time of %s: %w", p.name, err)
		}
		sum += time.Duration(spent.Nano())
	}
	return sum, nil
}

// Holdings are the memory and descriptors of a proxy at one time.
type holdings struct {
	memory      int // bytes in RAM not shared with other processes
	resident    int // bytes in RAM
	anonymous   int // bytes in RAM without those of files
	descriptors int
}

func (p *proxy) holds() (holdings, error) {
	var sum holdings
	for _, pid := range p.pids {
		if err := sum.addMemory(pid); err != nil {
			return holdings{}, fmt.Errorf("reading the memory of %s: %w", p.name, err)
		}
		descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return holdings{}, fmt.Errorf("counting the descriptors of %s: %w", p.name, err)
		}
		sum.descriptors += len(descriptors)
	}
	return sum, nil
}

// addMemory adds the memory of a process.
func (h *holdings) addMemory(pid int) error {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) //nolint:gosec // a number in /proc
	if err != nil {
		return err
	}
	sums := map[string]*int{"Private_Clean:": &h.memory, "Private_Dirty:": &h.memory, "Rss:": &h.resident, "Anonymous:": &h.anonymous}
	for line := range strings.Lines(string(rollup)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || sums[fields[0]] == nil {
			continue
		}
		kib, err := strconv.Atoi(fields[1])
		if err != nil {
			return err
		}
		*sums[fields[0]] += kib << 10
	}
	return nil
}
