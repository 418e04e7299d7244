// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package durable

import "net"

func newAcceptor(ln net.Listener) net.Listener { return ln }

func inherited(cfg net.ListenConfig) net.ListenConfig { return cfg }
