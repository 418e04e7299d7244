// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// noSYN is a filter that drops segments that open a connection (RFC 9293 3.1: SYN without ACK, in
// the 14th byte of the header).
var noSYN = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
}

func dropSYN(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(noSYN)), Filter: &noSYN[0]}))
}

// refuse drops new SYNs. Clients retransmit after a second and then reach the next listener, or get
// a RST. Without it, a client that connects between the last accept and the close would be let in
// and reset.
func (k *tcpKernel) refuse() {
	if !k.borrowed {
		_ = k.do(dropSYN)
	}
}

// stepAside hides this socket from the kernel's lookup: it binds it to a network interface that
// does not exist. That needs CAP_NET_RAW if the socket is bound to one already; without it, new
// clients are dropped, and retransmit after a second.
func (k *tcpKernel) stepAside() {
	err := k.do(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, math.MaxInt32)
	})
	if err != nil { // no privilege, or Linux before 5.1
		k.refuse()
	}
}

func (k *tcpKernel) detachFilter() error {
	return k.do(func(fd int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
	})
}
