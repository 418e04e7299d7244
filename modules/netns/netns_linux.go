// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Namespace is an open network namespace, which exists at least until Close. If it is not closed,
// the garbage collector closes it. It is safe for concurrent use.
type Namespace struct {
	name string
	file *os.File
	id   ID
}

// Open opens a network namespace by its name, as in "ip netns", or by the absolute path of its
// file, such as /proc/42/ns/net. It is HAProxy's namespace of bind and server.
func Open(name string) (*Namespace, error) {
	path, err := pathOf(name)
	if err != nil {
		return nil, opening(name, err)
	}
	file, err := os.Open(path) //nolint:gosec // a path of the configuration
	if errors.Is(err, os.ErrNotExist) && path != name {
		err = fmt.Errorf("%w; ip netns list shows the namespaces", err)
	}
	if err != nil {
		return nil, opening(name, err)
	}
	id, err := identify(file)
	if err != nil {
		_ = file.Close()
		return nil, opening(name, err)
	}
	ours, err := own()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("opening the network namespace of the process: %w", err)
	}
	if id == ours.id {
		id = ID{}
	}
	return &Namespace{name: name, file: file, id: id}, nil
}

// identify returns the ID of an open namespace.
func identify(file *os.File) (ID, error) {
	kind, err := unix.IoctlRetInt(int(file.Fd()), unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		return ID{}, fmt.Errorf("%s is not the file of a network namespace", file.Name())
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return ID{}, os.NewSyscallError("fstat", err)
	}
	return ID{device: uint64(st.Dev), inode: st.Ino}, nil //nolint:unconvert // it has 32 bits on MIPS
}

// own opens the namespace of the process. It does so on a new goroutine: the caller may have locked
// its thread and moved it to another namespace, and that may be the first thread.
var own = sync.OnceValues(func() (n *Namespace, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		n = new(Namespace)
		if n.file, err = os.Open("/proc/thread-self/ns/net"); err == nil {
			n.id, err = identify(n.file)
		}
	}()
	<-done
	return n, err
})

// Name returns the name that the namespace was opened by.
func (n *Namespace) Name() string { return n.name }

// ID identifies the namespace.
func (n *Namespace) ID() ID { return n.id }

// Do calls f in the namespace and returns its error. f runs on a thread of its own: goroutines that
// it starts are not in the namespace. The thread goes back to the runtime once it is back in the
// namespace of the process; after a failure it ends, so that no other goroutine ever gets it. That
// takes about 10 us; a new thread for each call would take 75. A panic of f passes to the caller.
// Entering a namespace takes CAP_SYS_ADMIN.
func (n *Namespace) Do(f func() error) error {
	var err error
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer func() { panicked = recover() }()
		if unix.Gettid() == unix.Getpid() { // /proc/self and /proc/net show the namespace of this thread
			defer runtime.UnlockOSThread()
			err = n.Do(f)
			return
		}
		if err = n.enter(); err == nil {
			err = f()
		}
		if ours, failed := own(); failed == nil && ours.enter() == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return err
}

// enter moves the calling thread to the namespace.
func (n *Namespace) enter() (err error) {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	called := raw.Control(func(fd uintptr) { err = unix.Setns(int(fd), unix.CLONE_NEWNET) })
	if err = errors.Join(called, os.NewSyscallError("setns", err)); err != nil {
		return fmt.Errorf("entering network namespace %q: %w", n.name, err)
	}
	return nil
}

// Close closes the namespace. Sockets in it are not affected. Do must not be called afterwards.
func (n *Namespace) Close() error { return n.file.Close() }
