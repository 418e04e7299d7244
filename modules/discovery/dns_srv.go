// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func init() {
	caddy.RegisterModule(new(DNSSRV))
}

// DNSSRV finds a server for each SRV record of a name: at the first address of its target, and its
// port. Those of the lowest priority value come first, if a template has fewer slots than there are
// records. A template with an address such as _https._tcp.example.com uses it.
type DNSSRV struct {
	// Name is the name of the records, such as _https._tcp.example.com. Required.
	Name string `json:"name"`

	// IgnoreWeight leaves servers the weight of the template. Default: the weight of the record, 0 to
	// 65535, is scaled to 0 to 256. It is HAProxy's resolve-opts ignore-weight.
	IgnoreWeight bool `json:"ignore_weight,omitempty"`

	lookups

	mu sync.Mutex
	at map[string]netip.Addr // the address of each target that was used last
}

// CaddyModule returns the Caddy module information.
func (*DNSSRV) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".dns_srv", New: func() caddy.Module { return new(DNSSRV) }}
}

// NewDNSSRV returns the source of a template with the name of SRV records as its address.
func NewDNSSRV(name, resolvers, prefer string, ignoreWeight bool) *DNSSRV {
	return &DNSSRV{Name: name, IgnoreWeight: ignoreWeight, lookups: lookups{Resolvers: resolvers, ResolvePrefer: prefer}}
}

// Validate validates the configuration.
func (d *DNSSRV) Validate() error {
	if service, rest, _ := strings.Cut(d.Name, "."); len(service) < 2 || service[0] != '_' || rest == "" || strings.ContainsAny(d.Name, ": /") {
		return fmt.Errorf("name %q: expected that of SRV records, such as _https._tcp.example.com", d.Name)
	}
	return options.ValidateWord("resolve_prefer", d.ResolvePrefer, families)
}

// Watch implements Source.
func (d *DNSSRV) Watch(ctx context.Context, set func([]Endpoint)) error {
	return d.poll(ctx, set, d.find)
}

// find returns the servers of the records.
func (d *DNSSRV) find(ctx context.Context, r *resolve.Resolver) ([]Endpoint, time.Duration, error) {
	s := sourceOf(r)
	services, ok := s.(resolve.ServiceSource)
	if !ok {
		return nil, 0, fmt.Errorf("resolvers %q do not know SRV records", d.Resolvers)
	}
	records, ttl, err := services.LookupServices(ctx, d.Name)
	if err != nil {
		return nil, 0, err
	}
	slices.SortStableFunc(records, func(a, b resolve.Service) int { return cmp.Compare(a.Priority, b.Priority) })
	addresses, ttlOfTargets, err := d.addressesOf(ctx, s, records)
	if err != nil {
		return nil, 0, err
	}
	if ttlOfTargets > 0 {
		ttl = min(cmp.Or(ttl, ttlOfTargets), ttlOfTargets)
	}
	d.at = make(map[string]netip.Addr)
	var all []Endpoint
	for i, r := range records {
		if !addresses[i].IsValid() || r.Port == 0 {
			continue
		}
		d.at[r.Host] = addresses[i]
		e := Endpoint{Address: netip.AddrPortFrom(addresses[i].Unmap(), r.Port).String()}
		if !d.IgnoreWeight {
			e.Weight = new((int(r.Weight) + 255) / 256)
		}
		all = append(all, e)
	}
	return all, ttl, nil
}

// concurrent is the number of targets that are looked up at a time.
const concurrent = 16

// addressesOf returns an address of the target of each record; the zero value where it has none. An
// error means that some are unknown. ttl is the least of the lookups; 0: none.
func (d *DNSSRV) addressesOf(ctx context.Context, s resolve.Source, records []resolve.Service) (all []netip.Addr, ttl time.Duration, err error) {
	all = make([]netip.Addr, len(records))
	errs := make([]error, len(records))
	var wait sync.WaitGroup
	running := make(chan struct{}, concurrent)
	for i, r := range records {
		if brought := slices.DeleteFunc(slices.Clone(r.Addresses), isNoHost); len(brought) > 0 {
			all[i] = d.choose(r.Host, brought)
			continue
		}
		wait.Go(func() {
			running <- struct{}{}
			defer func() { <-running }()
			target := lookups{ResolvePrefer: d.ResolvePrefer}
			addresses, life, err := target.lookup(ctx, s, r.Host)
			d.mu.Lock()
			defer d.mu.Unlock()
			switch {
			case err != nil && !isNotFound(err):
				errs[i] = err
			case err == nil:
				all[i], ttl = d.choose(r.Host, addresses), cmp.Or(min(cmp.Or(ttl, life), life), ttl)
			}
		})
	}
	wait.Wait()
	return all, ttl, errors.Join(errs...)
}

// choose returns the address of a target that was used before, or else the first one of the
// preferred family.
func (d *DNSSRV) choose(host string, addresses []netip.Addr) netip.Addr {
	if before := d.at[host]; slices.Contains(addresses, before) {
		return before
	}
	for _, a := range addresses {
		six := a.Unmap().Is6()
		if d.ResolvePrefer == "ipv4" && !six || d.ResolvePrefer == "ipv6" && six || d.ResolvePrefer == "" && six && resolve.HasRoute(a) {
			return a
		}
	}
	for _, a := range addresses {
		if a.Unmap().Is4() {
			return a
		}
	}
	return addresses[0]
}

// String describes the lookups, for logs.
func (d *DNSSRV) String() string { return "SRV records of " + d.Name }

// UnmarshalCaddyfile parses the module. Syntax:
//
//	dns_srv <name> {
//		resolvers <name>
//		resolve_prefer ipv4|ipv6
//		ignore_weight
//	}
func (d *DNSSRV) UnmarshalCaddyfile(disp *caddyfile.Dispenser) (err error) {
	disp.Next()
	if d.Name, err = options.Arg(disp); err != nil {
		return err
	}
	table := d.table()
	table["ignore_weight"] = options.Flag(&d.IgnoreWeight)
	return cmp.Or(table.ParseBlock(disp), options.Wrap(disp, d.Validate()))
}

// Interface guards
var (
	_ Source                = (*DNSSRV)(nil)
	_ caddy.Validator       = (*DNSSRV)(nil)
	_ caddyfile.Unmarshaler = (*DNSSRV)(nil)
)
