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

// openKernel opens the socket of an address. With port 0 the address becomes what
// the kernel has picked.
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

// deadliner is what the listeners of package net are beside net.Listener.
type deadliner interface {
	net.Listener
	SetDeadline(time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// netKernel is a listener of package net.
type netKernel struct {
	deadliner
	borrowed bool // somebody else has it, too, and those who wait there
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
	called := raw.Control(func(fd uintptr) { err = setBacklog(int(fd), o.backlog) })
	return errors.Join(called, err)
}

func (k netKernel) interrupt() { _ = k.SetDeadline(past) }
func (k netKernel) resume()    { _ = k.SetDeadline(time.Time{}) }

func (k netKernel) acceptQueued() (net.Conn, error) {
	if k.borrowed {
		return nil, nil
	}
	_ = k.SetDeadline(time.Now().Add(time.Millisecond)) // over already, it would not even look
	conn, err := k.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return conn, err
}

// unixKernel is a Unix socket. Where there is one already, it is made under another
// name, which nobody knows, until listen.
type unixKernel struct {
	netKernel
	path, tempPath string

	mu      sync.Mutex
	mode    fs.FileMode
	ownInfo fs.FileInfo // of path; nil: that is not ours yet
}

func openUnix(ctx context.Context, path string, o socketOptions) (kernel, error) {
	k := &unixKernel{path: path, tempPath: path, mode: o.mode}
	there, err := os.Lstat(path)
	replaces := !k.abstract() && err == nil
	if !k.abstract() {
		k.tempPath = fmt.Sprintf("%s.%d", path, os.Getpid())
		if err := os.Remove(k.tempPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if replaces && there.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s is there and no socket: expected a path that is free", path)
	}
	ln, err := o.Listen(ctx, "unix", k.tempPath)
	if err != nil {
		return nil, err
	}
	k.deadliner = ln.(*net.UnixListener)
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	if !replaces {
		if err := k.startListening(); err != nil {
			_ = k.Close()
			return nil, err
		}
	}
	return k, nil
}

// abstract reports whether the socket is none of the file system (unix(7)).
func (k *unixKernel) abstract() bool { return strings.HasPrefix(k.path, "@") }

// startListening has the socket take the place of what is there.
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
	if o.mode == k.mode || k.abstract() {
		return err
	}
	k.mode = o.mode
	if k.ownInfo == nil {
		return err
	}
	return errors.Join(err, os.Chmod(k.path, k.mode))
}

// refuse takes the path away, unless somebody has put a socket of his there.
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

// Addr is the path, which the socket has been made under another name for.
func (k *unixKernel) Addr() net.Addr { return &net.UnixAddr{Name: k.path, Net: "unix"} }
