// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine returns a line about the machine and the versions of the programs.
func (b *bench) machine(ctx context.Context) string {
	parts := []string{
		cpuModel(),
		fmt.Sprintf("%d cores", runtime.NumCPU()),
		"Linux " + kernelRelease(),
	}
	if !b.cores.pinned {
		parts = append(parts, "nothing pinned")
	}
	if b.far != nil {
		parts = append(parts, "late servers: "+b.far.how)
	}
	parts = append(parts, b.goVersions()...)
	for _, program := range []string{"haproxy", "newest", "nginx"} {
		if path := b.programs[program]; path != "" {
			parts = append(parts, programVersion(ctx, path))
		}
	}
	parts = append(parts, time.Now().UTC().Format(time.DateOnly),
		fmt.Sprintf("%d rounds of %d s", b.options.rounds, b.options.seconds), fmt.Sprintf("%d idle connections", b.idleCount),
		fmt.Sprintf("hello of %d bytes", len(b.hello)))
	return "Machine: " + strings.Join(parts, "; ") + ".\n"
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernelRelease() string {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(uts.Release[:])
}

// goVersions reads versions from the built programs themselves.
func (b *bench) goVersions() []string {
	for _, program := range []string{"ours", "stock"} {
		info, err := buildinfo.ReadFile(b.programs[program])
		if err != nil {
			continue
		}
		versions := []string{info.GoVersion}
		for _, module := range info.Deps {
			switch module.Path {
			case "github.com/caddyserver/caddy/v2":
				versions = append(versions, "Caddy "+module.Version)
			case "github.com/mholt/caddy-l4":
				versions = append(versions, "caddy-l4 "+module.Version)
			}
		}
		return versions
	}
	return []string{runtime.Version()}
}

// programVersion returns the first line of a program's -v: "nginx version: nginx/1.22.1".
func programVersion(ctx context.Context, path string) string {
	text, err := exec.CommandContext(ctx, path, "-v").CombinedOutput() //nolint:gosec // a program on PATH
	first, _, _ := strings.Cut(string(text), "\n")
	if err != nil || first == "" {
		return path + " of unknown version"
	}
	first = strings.TrimPrefix(first, "nginx version: ")
	first, _, _ = strings.Cut(first, " - ")
	return strings.TrimSpace(first)
}

// shortVersion shortens "HAProxy version 3.4.7-1 2026/11/01" to "haproxy 3.4".
func shortVersion(said string) string {
	fields := strings.Fields(said)
	if len(fields) < 3 {
		return "newest haproxy"
	}
	numbers := strings.SplitN(fields[2], ".", 3)
	return "haproxy " + strings.Join(numbers[:min(2, len(numbers))], ".")
}
