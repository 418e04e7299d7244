// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Service is one target of an SRV record (RFC 2782).
type Service struct {
	// Host is the name of the target, without the final dot.
	Host                   string
	Port, Priority, Weight uint16
	// Addresses are those of Host that the answer brought along; empty: look Host up.
	Addresses []netip.Addr
}

// ServiceSource is implemented by a Source that looks up SRV records.
type ServiceSource interface {
	// LookupServices returns the targets of a name such as _https._tcp.example.com, and their TTL; 0:
	// unknown. Its errors are those of Source.
	LookupServices(ctx context.Context, name string) (all []Service, ttl time.Duration, err error)
}

// LookupServices implements ServiceSource.
func (System) LookupServices(ctx context.Context, name string) ([]Service, time.Duration, error) {
	_, records, err := net.DefaultResolver.LookupSRV(ctx, "", "", name)
	if len(records) == 0 { // with records, the error is of other ones
		return nil, 0, err
	}
	all := make([]Service, len(records))
	for i, r := range records {
		all[i] = Service{Host: strings.TrimSuffix(r.Target, "."), Port: r.Port, Priority: r.Priority, Weight: r.Weight}
	}
	return all, 0, nil
}

// Interface guard
var _ ServiceSource = System{}
