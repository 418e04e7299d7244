// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package durable

import (
	"context"
	"errors"
	"net"
)

func openTCP(ctx context.Context, a address, o options) (kernel, error) {
	ln, err := o.Listen(ctx, networks[a.network], a.name)
	if err != nil {
		return nil, err
	}
	return netKernel{deadliner: ln.(*net.TCPListener)}, nil
}

func openDescriptor(string) (kernel, error) {
	return nil, errors.New("durable: descriptors are taken over on Linux alone")
}
