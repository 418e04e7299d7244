// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func init() {
	caddy.RegisterModule(new(DNSA))
}

// DNSA finds a server at each address of a host. It looks the host up again when the answer
// expires. A template with an address uses it.
type DNSA struct {
	// Host is the name of the host. Required.
	Host string `json:"host"`

	// Port is the port of the servers. Required.
	Port int `json:"port"`

	lookups
}

// CaddyModule returns the Caddy module information.
func (*DNSA) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".dns_a", New: func() caddy.Module { return new(DNSA) }}
}

// NewDNSA returns the source of a template with the address HOST:PORT.
func NewDNSA(host string, port int, resolvers, prefer string) *DNSA {
	return &DNSA{Host: host, Port: port, lookups: lookups{Resolvers: resolvers, ResolvePrefer: prefer}}
}

// Validate validates the configuration.
func (d *DNSA) Validate() error {
	_, err := netip.ParseAddr(d.Host)
	switch {
	case d.Host == "" || err == nil:
		return fmt.Errorf("host %q: expected the name of a host, such as web.example.com", d.Host)
	case d.Port < 1 || d.Port > 65535:
		return fmt.Errorf("port %d: expected a port from 1 to 65535", d.Port)
	}
	return options.ValidateWord("resolve_prefer", d.ResolvePrefer, families)
}

// Watch implements Source.
func (d *DNSA) Watch(ctx context.Context, set func([]Endpoint)) error {
	return d.poll(ctx, set, func(ctx context.Context, r *resolve.Resolver) (all []Endpoint, _ time.Duration, err error) {
		addresses, ttl, err := d.lookup(ctx, sourceOf(r), d.Host)
		for _, a := range addresses {
			all = append(all, Endpoint{Address: netip.AddrPortFrom(a.Unmap(), uint16(d.Port)).String()})
		}
		return all, ttl, err
	})
}

// String describes the lookups, for logs.
func (d *DNSA) String() string { return "DNS of " + d.Host }

// UnmarshalCaddyfile parses the module. Syntax:
//
//	dns_a <host>:<port> {
//		resolvers <name>
//		resolve_prefer ipv4|ipv6
//	}
func (d *DNSA) UnmarshalCaddyfile(disp *caddyfile.Dispenser) error {
	disp.Next()
	text, err := options.Arg(disp)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(text)
	n, portErr := strconv.Atoi(port)
	if errors.Join(err, portErr) != nil {
		return disp.Errf("dns_a %s: expected HOST:PORT, such as web.example.com:443", text)
	}
	d.Host, d.Port = host, n
	return cmp.Or(d.table().ParseBlock(disp), options.Wrap(disp, d.Validate()))
}

func (o *lookups) table() options.Table {
	return options.Table{
		"resolvers":      options.Text(&o.Resolvers),
		"resolve_prefer": options.OneOf(&o.ResolvePrefer, families),
	}
}

// Interface guards
var (
	_ Source                = (*DNSA)(nil)
	_ caddy.Validator       = (*DNSA)(nil)
	_ caddyfile.Unmarshaler = (*DNSA)(nil)
)
