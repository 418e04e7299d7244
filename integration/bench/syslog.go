// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A syslog counts the datagrams that it receives.
type syslog struct {
	*net.UDPConn
	lines atomic.Int64
}

// syslogBuffer holds the log of a proxy while the counter does not run.
const syslogBuffer = 16 << 20

func openSyslog(ctx context.Context) (*syslog, error) {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for a log: %w", err)
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("listening for a log: a %T", conn)
	}
	if raw, err := udp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // if lines are lost, the row fails
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, syslogBuffer)
		})
	}
	s := &syslog{UDPConn: udp}
	go s.count()
	return s, nil
}

func (s *syslog) count() {
	buf := make([]byte, 1<<16)
	for {
		if _, _, err := s.ReadFromUDPAddrPort(buf); err != nil {
			return
		}
		s.lines.Add(1)
	}
}
