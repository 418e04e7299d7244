// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package durable

import (
	"context"
	"errors"
	"net"
)

func openTCP(ctx context.Context, a address, o socketOptions) (kernel, error) {
	network := "tcp6"
	if a.isIPv4() {
		network = "tcp4"
	}
	ln, err := o.Listen(ctx, network, a.at.String())
	if err != nil {
		return nil, err
	}
	return netKernel{deadliner: ln.(*net.TCPListener)}, nil
}

// tryOptions returns nil: there are no options that the kernel may refuse.
func tryOptions(address, socketOptions) error { return nil }

// arrivalDevice returns 0: sockets are not bound to interfaces.
func arrivalDevice(net.Conn) int { return 0 }

func openDescriptor(string) (kernel, error) {
	return nil, errors.New("durable: durable/fd/ is only available on Linux")
}
