// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideEnv marks the process that runs in its own network namespace.
const insideEnv = "BENCH_INSIDE"

// reuse is the file that says how soon a port in TIME_WAIT may be used again.
const reuse = "/proc/sys/net/ipv4/tcp_tw_reuse"

// errNoNamespace is the error if this process may not create namespaces, usually because it is not
// root.
var errNoNamespace = errors.New("no network namespace")

// runInside runs this program again, in its own network and mount namespaces, which end with it.
func runInside(ctx context.Context, o options) error {
	args := slices.Concat(os.Args[1:], []string{"-ours", o.ours, "-stock", o.stock})
	command := exec.Command("/proc/self/exe", args...) //nolint:gosec,noctx // itself; it ends by the same signals
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = append(os.Environ(), insideEnv+"=1")
	// A group of its own: an interrupt from the terminal must reach it once, from here.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Unshareflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	if err := command.Start(); err != nil {
		return fmt.Errorf("%w: %w", errNoNamespace, err)
	}
	// An error means that it has ended.
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return command.Wait()
}

// furnish makes a new network namespace usable. As on loopback, a port in TIME_WAIT may be used
// again after a second on any link.
func furnish(ctx context.Context) error {
	if err := ip(ctx, "link", "set", "lo", "up"); err != nil {
		return err
	}
	if err := os.WriteFile(reuse, []byte("1"), 0o600); err != nil {
		return fmt.Errorf("preparing the namespace: %w", err)
	}
	return nil
}

func ip(ctx context.Context, args ...string) error {
	if said, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil { //nolint:gosec // in a namespace of its own
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}
