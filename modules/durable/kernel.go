// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// openKernel opens the socket of an address. With port 0, it sets a to the port that the kernel
// picked.
func openKernel(ctx context.Context, a *address, o socketOptions) (kernel, error) {
	switch a.kind {
	case ofUnix:
		return openUnix(ctx, a.name, o)
	case ofDescriptor:
		return openDescriptor(a.name)
	default:
		k, err := openTCP(ctx, *a, o)
		if err != nil {
			return nil, err
		}
		if bound, ok := k.Addr().(*net.TCPAddr); ok && a.at.Port() == 0 {
			a.at = netip.AddrPortFrom(a.at.Addr(), bound.AddrPort().Port())
		}
		return k, nil
	}
}

// deadliner has the methods used here that package net's listeners share.
type deadliner interface {
	net.Listener
	SetDeadline(time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// netKernel is a listener of package net.
type netKernel struct {
	deadliner
	borrowed bool // another process shares it, and accepts the rest of its queue
}

func (netKernel) startListening() error { return nil }
func (netKernel) refuse()               {}
func (netKernel) stepAside()            {}

func (k netKernel) configure(o socketOptions) (err error) {
	if k.borrowed {
		return nil
	}
	raw, err := k.SyscallConn()
	if err != nil {
		return err
	}
	called := raw.Control(func(fd uintptr) { err = setBacklog(int(fd), o.Backlog) })
	return errors.Join(called, err)
}

func (k netKernel) interrupt() { _ = k.SetDeadline(past) }
func (k netKernel) resume()    { _ = k.SetDeadline(time.Time{}) }

func (k netKernel) acceptQueued() (net.Conn, error) {
	if k.borrowed {
		return nil, nil
	}
	_ = k.SetDeadline(time.Now().Add(time.Millisecond)) // one in the past: Accept would not look
	conn, err := k.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return conn, err
}

// unixKernel is a Unix socket. If the path exists, the socket is created at tempPath until
// startListening.
type unixKernel struct {
	netKernel
	path, tempPath string

	mu      sync.Mutex
	mode    fs.FileMode
	owner   Owner
	ownInfo fs.FileInfo // of path; nil: path is not ours yet
}

func openUnix(ctx context.Context, path string, o socketOptions) (kernel, error) {
	k := &unixKernel{path: path, tempPath: path, mode: o.mode, owner: o.Owner}
	there, err := os.Lstat(path)
	replaces := !k.abstract() && err == nil
	if !k.abstract() {
		k.tempPath = fmt.Sprintf("%s.%d", path, os.Getpid())
		if err := os.Remove(k.tempPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if replaces && there.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s exists and is not a socket", path)
	}
	ln, err := o.Listen(ctx, "unix", k.tempPath)
	if err != nil {
		return nil, err
	}
	k.deadliner = ln.(*net.UnixListener)
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	err = k.owner.chown(k.tempPath)
	if err == nil && !replaces {
		err = k.startListening()
	}
	if err != nil {
		_ = k.Close()
		return nil, err
	}
	return k, nil
}

// abstract reports whether the socket is not in the file system (unix(7)).
func (k *unixKernel) abstract() bool { return strings.HasPrefix(k.path, "@") }

// startListening moves the socket to its path, in place of an existing one.
func (k *unixKernel) startListening() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.abstract() || k.ownInfo != nil {
		return nil
	}
	if err := os.Chmod(k.tempPath, k.mode); err != nil {
		return err
	}
	if err := os.Rename(k.tempPath, k.path); err != nil {
		return err
	}
	own, err := os.Lstat(k.path)
	k.ownInfo = own
	return err
}

func (k *unixKernel) configure(o socketOptions) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.netKernel.configure(o)
	if o.mode == k.mode && o.Owner == k.owner || k.abstract() {
		return err
	}
	k.mode, k.owner = o.mode, o.Owner
	if k.ownInfo == nil {
		return err
	}
	return errors.Join(err, k.owner.chown(k.path), os.Chmod(k.path, k.mode))
}

// refuse removes the path, unless another process has put its own socket there.
func (k *unixKernel) refuse() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.abstract() {
		return
	}
	if k.ownInfo == nil {
		_ = os.Remove(k.tempPath)
		return
	}
	if there, err := os.Lstat(k.path); err == nil && os.SameFile(there, k.ownInfo) {
		_ = os.Remove(k.path)
	}
}

func (k *unixKernel) Close() error {
	k.refuse()
	return k.deadliner.Close()
}

// Addr returns the path, not tempPath.
func (k *unixKernel) Addr() net.Addr { return &net.UnixAddr{Name: k.path, Net: "unix"} }
