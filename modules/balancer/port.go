// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"net"
	"strconv"
)

// relativePort splits an address whose port is relative to the port that the client connected to:
// HOST:+N or HOST:-N.
func relativePort(address string) (host string, offset int, relative bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" || port[0] != '+' && port[0] != '-' {
		return "", 0, false
	}
	n, err := strconv.ParseUint(port[1:], 10, 16)
	if err != nil {
		return "", 0, false
	}
	if offset = int(n); port[0] == '-' {
		offset = -offset
	}
	return host, offset, true
}

// HasRelativePort reports whether a server's port depends on the port that the client connected to.
func HasRelativePort(address string) bool {
	network, to := SplitAddress(address)
	_, _, relative := relativePort(to)
	return relative && network != "unix"
}

// FillPort returns an address, without its network, for a client that connected to port: a relative
// port is replaced. port is 0 if the client has none.
func FillPort(address string, port int) (string, error) {
	host, offset, relative := relativePort(address)
	if !relative {
		return address, nil
	}
	if port == 0 {
		return "", fmt.Errorf("server address %q: the client's connection has no port", address)
	}
	if port += offset; port < 1 || port > 65535 {
		return "", fmt.Errorf("server address %q: port %d is out of range for this connection", address, port)
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}
