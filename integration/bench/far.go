// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	nearAddr  = "10.251.0.1"
	farAddr   = "10.251.0.2"
	nearLink  = "near"
	farLink   = "far"
	linkDelay = "200us" // by netem, each way, where the kernel has it
	mustBe    = 90      // percent of connects that the far server must answer late
	probes    = 200     // connects that are tried for that
	onForTCP  = 0x1f    // ETHTOOL_STSO
	onForGRO  = 0x2c    // ETHTOOL_SGRO
	ethtool   = 0x8946  // SIOCETHTOOL
	napi      = "napi/" // prefix of the names of the kernel's threads
)

// A far is a second namespace, with servers that answer late: at the other end of a link with a
// delay (netem), or whose packets a kernel thread on the load's core receives, so that connect
// returns before the server answers.
type far struct {
	do  chan func() // work for the thread in that namespace
	how string
}

// openFar creates the namespace and the link. The thread in the namespace lives as long as the
// process.
func (b *bench) openFar(ctx context.Context) (*far, error) {
	f := &far{do: make(chan func())}
	where := make(chan error)
	var path string
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		where <- err
		for do := range f.do {
			do()
		}
	}()
	if err := <-where; err != nil {
		return nil, fmt.Errorf("making a namespace for servers: %w", err)
	}
	err := errors.Join(
		ip(ctx, "link", "add", nearLink, "type", "veth", "peer", "name", farLink, "netns", path),
		ip(ctx, "addr", "add", nearAddr+"/30", "dev", nearLink),
		ip(ctx, "link", "set", nearLink, "up"),
		f.there(func() error {
			return errors.Join(
				ip(ctx, "addr", "add", farAddr+"/30", "dev", farLink),
				ip(ctx, "link", "set", farLink, "up"))
		}))
	if err != nil {
		return nil, err
	}
	if err := b.delay(ctx, f); err != nil {
		return nil, err
	}
	return f, b.checkLate(ctx, f)
}

// there calls do on the thread in the other namespace.
func (f *far) there(do func() error) error {
	done := make(chan error)
	f.do <- func() { done <- do() }
	return <-done
}

// listen opens a server there.
func (f *far) listen(ctx context.Context) (s *server, err error) {
	err = f.there(func() error {
		s, err = listenOn(ctx, farAddr)
		return err
	})
	return s, err
}

// delay makes the link slow, by netem or else by a kernel thread.
func (b *bench) delay(ctx context.Context, f *far) error {
	netem := exec.CommandContext(ctx, "tc", "qdisc", "add", "dev", nearLink, "root", "netem", "delay", linkDelay)
	if netem.Run() == nil {
		f.how = "netem, " + linkDelay
		return nil
	}
	f.how = "veth, its packets taken by another core"
	// The thread gets no packets whose segmentation the sender could have left to the device.
	if err := setFeature(nearLink, onForTCP, 0); err != nil {
		return err
	}
	return f.there(func() error {
		if err := setFeature(farLink, onForGRO, 1); err != nil {
			return err
		}
		return b.threadOf(farLink)
	})
}

// setFeature sets a feature of a link, like ethtool -K.
func setFeature(link string, feature, value uint32) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("setting a feature of a link: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // a socket without data
	set := struct{ feature, value uint32 }{feature, value}
	request := struct {
		name [unix.IFNAMSIZ]byte
		set  unsafe.Pointer
		_    [16]byte
	}{set: unsafe.Pointer(&set)} //nolint:gosec // as the ioctl wants it
	copy(request.name[:], link)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ethtool, uintptr(unsafe.Pointer(&request))); errno != 0 { //nolint:gosec // same
		return fmt.Errorf("setting a feature of link %s: %w", link, errno)
	}
	return nil
}

// threadOf makes a kernel thread on the load's core receive the packets of a link in this
// namespace.
func (b *bench) threadOf(link string) error {
	sys := filepath.Join(b.dir, "sys")
	if err := os.Mkdir(sys, 0o700); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	if err := unix.Mount("none", sys, "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mounting sysfs: %w", err)
	}
	defer unix.Unmount(sys, 0) //nolint:errcheck // it ends with the namespace
	if err := os.WriteFile(filepath.Join(sys, "class/net", link, "threaded"), []byte("1"), 0o600); err != nil {
		return fmt.Errorf("giving link %s a thread: %w", link, err)
	}
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil || !b.cores.pinned {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // in /proc
		if err != nil || !strings.HasPrefix(string(text), napi+link) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			return unix.SchedSetaffinity(pid, &b.cores.load)
		}
	}
	return nil
}

// checkLate checks that connects to the far server return before it answers.
func (b *bench) checkLate(ctx context.Context, f *far) error {
	s, err := f.listen(ctx)
	if err != nil {
		return err
	}
	defer s.listener.Close()
	late := 0
	err = b.cores.on(&b.cores.proxy, func() error {
		for range probes {
			is, err := isLate(s.addr)
			if err != nil {
				return err
			}
			if is {
				late++
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("connecting to a server that answers late: %w", err)
	}
	say("late servers: %s; connect returned before the answer in %d of %d tries", f.how, late, probes)
	if late*100 < probes*mustBe {
		return errors.New("the servers that should answer late do not")
	}
	return nil
}

// isLate connects without blocking, and reports whether the server has not answered when connect
// returns.
func isLate(addr netip.AddrPort) (bool, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was sent
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return false, err
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(poll, 0)
	if err != nil || n > 0 {
		return false, err
	}
	if n, err = unix.Poll(poll, int(patience.Milliseconds())); err == nil && n == 0 {
		err = errors.New("no answer at all")
	}
	return true, err
}
