// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ValidateWrittenName validates the name of a frontend, backend or server in a Caddyfile like
// ValidateName, and rejects addresses: an address in the place of a name means that the name was
// forgotten. In JSON the two cannot be confused, and HAProxy's names may be addresses.
func ValidateWrittenName(name string) error {
	if readsAsAddress(name) {
		return fmt.Errorf("%q reads as an address: expected a name", name)
	}
	return ValidateName(name)
}

// readsAsAddress reports whether a name is an IP address, HOST:PORT, a URL or the
// path of a socket.
func readsAsAddress(name string) bool {
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	if strings.HasPrefix(name, "/") || isUnix(name) || strings.Contains(name, "://") {
		return true
	}
	_, port, err := net.SplitHostPort(name)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// validateServerName validates the two words after server. A server may be named after its own
// address, which is common in HAProxy's files.
func validateServerName(name, address string) error {
	host, _, _ := net.SplitHostPort(address)
	switch {
	case name == address && ValidateName(name) == nil || name == host:
		return nil
	case readsAsAddress(name) && readsAsAddress(address):
		return fmt.Errorf("%q reads as an address: expected server NAME ADDRESS: give each server a name and a line of its own: server s1 %s", name, name)
	case readsAsAddress(name):
		return fmt.Errorf("%q reads as an address: expected server NAME ADDRESS: give the server a name: server s1 %s", name, name)
	case address == "":
		return fmt.Errorf("expected server NAME ADDRESS, such as server %s 10.0.0.1:443", name)
	}
	return nil
}
