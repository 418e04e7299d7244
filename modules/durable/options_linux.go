// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// deferTime is the time, in seconds, that DeferAccept waits for a client's first bytes, as in
// HAProxy.
const deferTime = 1

// setOptions sets the options that can change on a listening socket, except for the backlog. What
// is not asked for is reset; a kernel without it need not know it.
func setOptions(fd int, ipv4 bool, o Options) error {
	queue := 0
	if o.FastOpen {
		queue = cmp.Or(o.Backlog, math.MaxInt32) // the kernel reduces it to the system's limit
	}
	wait := 0
	if o.DeferAccept {
		wait = deferTime
	}
	var err error
	for _, option := range []struct {
		name      string
		tcpOption int
		value     int
	}{
		{"mss", unix.TCP_MAXSEG, o.MSS},
		{"tcp_user_timeout", unix.TCP_USER_TIMEOUT, int((o.UserTimeout + time.Millisecond - 1) / time.Millisecond)},
		{"defer_accept", unix.TCP_DEFER_ACCEPT, wait},
		{"tfo", unix.TCP_FASTOPEN, queue},
	} {
		failed := unix.SetsockoptInt(fd, unix.SOL_TCP, option.tcpOption, option.value)
		if failed != nil && option.value != 0 {
			err = errors.Join(err, fmt.Errorf("%s: %w", option.name, os.NewSyscallError("setsockopt", failed)))
		}
	}
	return errors.Join(err, setTransparent(fd, ipv4, o.Transparent))
}

// setTransparent sets or clears Transparent, by the first option that the kernel permits: as
// HAProxy does it.
func setTransparent(fd int, ipv4, on bool) error {
	level, ways := unix.IPPROTO_IP, []int{unix.IP_TRANSPARENT, unix.IP_FREEBIND}
	if !ipv4 {
		level, ways = unix.IPPROTO_IPV6, []int{unix.IPV6_TRANSPARENT, unix.IPV6_FREEBIND}
	}
	var failed error
	for _, way := range ways {
		if !on {
			_ = unix.SetsockoptInt(fd, level, way, 0)
			continue
		}
		if failed = unix.SetsockoptInt(fd, level, way, 1); failed == nil {
			return nil
		}
	}
	if failed != nil {
		failed = fmt.Errorf("transparent: %w", os.NewSyscallError("setsockopt", failed))
	}
	return failed
}

// bindToInterface binds a new socket to the interface of its options.
func bindToInterface(fd int, o Options) error {
	if o.Interface == "" {
		return nil
	}
	if err := unix.BindToDevice(fd, o.Interface); err != nil {
		return fmt.Errorf("interface %q: %w", o.Interface, os.NewSyscallError("setsockopt", err))
	}
	return nil
}

// tryOptions returns the error with which the kernel would refuse the options of an address whose
// socket is open with others. It tries them with a socket of its own, at any free port: without
// Transparent, the address must be one of this system.
func tryOptions(a address, o socketOptions) error {
	if a.kind != ofTCP {
		return nil
	}
	a.at = netip.AddrPortFrom(a.at.Addr(), 0)
	o.Control = nil
	return o.inNamespace(func() error {
		k, err := bindTCP(a, o, nil)
		if err == nil {
			err = k.file.Close()
		}
		return err
	})
}
