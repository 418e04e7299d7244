// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// keepAliveOf returns the keep-alive settings that package net would apply, with its defaults.
func keepAliveOf(cfg net.ListenConfig) net.KeepAliveConfig {
	k := cfg.KeepAliveConfig
	if !k.Enable {
		k = net.KeepAliveConfig{Enable: cfg.KeepAlive >= 0, Idle: cfg.KeepAlive, Interval: cfg.KeepAlive}
	}
	if k.Idle == 0 {
		k.Idle = 15 * time.Second
	}
	if k.Interval == 0 {
		k.Interval = 15 * time.Second
	}
	if k.Count == 0 {
		k.Count = 9
	}
	return k
}

// inherit sets on a listening socket the options that accepted connections inherit, without system
// calls of their own.
//
// Without TCP_QUICKACK the acknowledgement of a client's first bytes travels with the answer, or
// alone 40 ms later, as with HAProxy's tcp-smart-accept: one packet less per connection.
func inherit(fd int, cfg net.ListenConfig) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_QUICKACK, 0),
		setKeepAlive(fd, keepAliveOf(cfg)),
	)
}

func setKeepAlive(fd int, k net.KeepAliveConfig) error {
	if !k.Enable {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0)
	}
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	for option, value := range map[int]time.Duration{
		unix.TCP_KEEPIDLE:  (k.Idle + time.Second - 1) / time.Second,
		unix.TCP_KEEPINTVL: (k.Interval + time.Second - 1) / time.Second,
		unix.TCP_KEEPCNT:   time.Duration(k.Count),
	} {
		if value > 0 { // negative: the system's default
			err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_TCP, option, int(value)))
		}
	}
	return err
}
