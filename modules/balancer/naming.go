// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// NameOptions say how the host name of a server's address is looked up.
type NameOptions struct {
	// ResolvePrefer is the version of IP whose addresses of a host name are tried first: ipv4 or ipv6.
	// Default: ipv6, if there is a route to them. It is HAProxy's resolve-prefer.
	ResolvePrefer string `json:"resolve_prefer,omitempty"`

	// Resolvers is the name of the resolvers at which the host name is looked up, from the start and
	// whenever its TTL is over. While they know no address of it, the server is in maintenance.
	// Default: the system's resolver. It is HAProxy's resolvers.
	Resolvers string `json:"resolvers,omitempty"`

	// ResolveNet are networks whose addresses are tried first. It is HAProxy's resolve-net.
	ResolveNet []string `json:"resolve_net,omitempty"`

	// ResolveOpts are options of the servers of a template: allow-dup-ip, prevent-dup-ip,
	// ignore-weight. They are HAProxy's resolve-opts.
	ResolveOpts []string `json:"resolve_opts,omitempty"`

	// InitAddr says what a server with resolvers does before they have answered: none (it is in
	// maintenance), or an IP address to connect to. The words last and libc may come before these, as
	// in HAProxy's init-addr: here the addresses that are known stay in use anyway, and no lookup
	// delays the start. Default: connections wait for the answer.
	InitAddr []string `json:"init_addr,omitempty"`
}

// The words for resolve_opts and init_addr.
var (
	resolveOptions   = []string{"allow-dup-ip", "ignore-weight", "prevent-dup-ip"}
	initialAddresses = []string{"last", "libc", "none"}
)

func (o *NameOptions) validate() error {
	if err := options.ValidateWord("resolve_prefer", o.ResolvePrefer, families); err != nil {
		return err
	}
	for _, text := range o.ResolveNet {
		if _, err := netip.ParsePrefix(text); err != nil {
			return fmt.Errorf("resolve_net %q: expected a network such as 10.0.0.0/8", text)
		}
	}
	for _, word := range o.ResolveOpts {
		if err := options.ValidateWord("resolve_opts", word, resolveOptions); err != nil {
			return err
		}
	}
	for _, word := range o.InitAddr {
		if _, err := netip.ParseAddr(word); err != nil && !slices.Contains(initialAddresses, word) {
			return fmt.Errorf("init_addr %q: expected last, libc, none or an IP address", word)
		}
	}
	return nil
}

// inherit takes the options of the backend that the server has not set.
func (o *NameOptions) inherit(from *NameOptions) {
	o.ResolvePrefer = cmp.Or(o.ResolvePrefer, from.ResolvePrefer)
	o.Resolvers = cmp.Or(o.Resolvers, from.Resolvers)
	for to, others := range map[*[]string][]string{&o.ResolveNet: from.ResolveNet, &o.ResolveOpts: from.ResolveOpts, &o.InitAddr: from.InitAddr} {
		if *to == nil {
			*to = others
		}
	}
}

// naming returns how the pool's users look the name up.
func (o *NameOptions) naming() pool.Naming {
	return pool.Naming{ResolvePrefer: o.ResolvePrefer, Resolver: o.Resolvers, ResolveNet: strings.Join(o.ResolveNet, ",")}
}

// initialAddress returns the IP address that init_addr begins with; "": the server waits. none
// reports whether it is in maintenance until then.
func (o *NameOptions) initialAddress() (ip string, none bool) {
	for _, word := range o.InitAddr {
		switch word {
		case "last", "libc":
		case "none":
			return "", true
		default:
			return word, false
		}
	}
	return "", false
}

func (o *NameOptions) table() options.Table {
	return options.Table{
		"resolve_prefer": options.OneOf(&o.ResolvePrefer, families),
		"resolvers":      options.Text(&o.Resolvers),
		"resolve_net":    listed(&o.ResolveNet),
		"resolve_opts":   listed(&o.ResolveOpts),
		"init_addr":      listed(&o.InitAddr),
	}
}

// listed returns an option with one word of several parts between commas.
func listed(to *[]string) options.Option {
	return options.Once(func(d *caddyfile.Dispenser) error {
		word, err := options.Arg(d)
		*to = strings.Split(word, ",")
		return err
	})
}
