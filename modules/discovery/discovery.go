// SPDX-License-Identifier: Apache-2.0

// Package discovery finds the servers of templates: by the DNS (dns_a, dns_srv), in a file (file)
// or by HTTP (http). Each is a Caddy module of the namespace passthrough.discovery that implements
// Source; modules of others may join them. A Runner keeps a source running, whatever it does, and
// Assign spreads what it finds over the slots of a template, so that a server that stays keeps its
// slot.
package discovery

import (
	"context"
	"fmt"
	"net/netip"
)

// Namespace is that of the modules.
const Namespace = "passthrough.discovery"

// Endpoint is the address of a server.
type Endpoint struct {
	// Address is an IP address and a port: 10.0.0.1:443, [2001:db8::1]:443.
	Address string `json:"address"`
	// Weight is the server's weight, 0 to 256; nil: that of the template.
	Weight *int `json:"weight,omitempty"`
}

// Source finds servers. One value is used by one template of one configuration.
type Source interface {
	// Watch calls set with all servers: at first as soon as it knows them, and then when they change,
	// until ctx is done. If it returns before, for an error or without one, it is called again after
	// a pause; until then the last servers stay. set may be called as often as Watch likes, from one
	// goroutine at a time, and does not block. An empty set removes all servers, after a while: a
	// source that does not know them should return an error.
	Watch(ctx context.Context, set func([]Endpoint)) error
}

// maxEndpoints limits the servers of one source.
const maxEndpoints = 16384

// validate returns an error unless servers can be used.
func validate(all []Endpoint) error {
	if len(all) > maxEndpoints {
		return fmt.Errorf("%d servers: expected at most %d", len(all), maxEndpoints)
	}
	for _, e := range all {
		at, err := netip.ParseAddrPort(e.Address)
		if err != nil || at.Port() == 0 || at.Addr().IsUnspecified() || at.Addr().IsMulticast() {
			return fmt.Errorf("server address %q: expected an IP address and a port, such as 10.0.0.1:443 or [2001:db8::1]:443", e.Address)
		}
		if w := e.Weight; w != nil && (*w < 0 || *w > maxWeight) {
			return fmt.Errorf("server %s: weight %d: expected a whole number from 0 to %d", e.Address, *w, maxWeight)
		}
	}
	return nil
}
