// SPDX-License-Identifier: Apache-2.0

// Package dnsclient is a source of addresses that asks given DNS servers: all of them at once, and
// the first good answer counts. It believes only answers to its own question, and of those only the
// records that the question leads to. It is used instead of the system's resolver where a
// configuration names its own servers; it knows the TTL of addresses, SRV records, and DNS over
// TLS.
package dnsclient

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// Defaults and limits.
const (
	DefaultTimeout     = time.Second
	DefaultRetries     = 3
	DefaultPayloadSize = 1232 // fits into one packet nearly everywhere
	MinPayloadSize     = dns.MinMsgSize
	MaxPayloadSize     = dns.MaxMsgSize

	maxRecords = 512 // taken of an answer
	maxChain   = 16  // CNAME records that are followed
)

// Client asks DNS servers. Its fields must not change once it is used; it is then safe for
// concurrent use.
type Client struct {
	Servers []*Server
	// Timeout is the time for one attempt, Retries the number of attempts. Default: 1 s, and 3.
	Timeout time.Duration
	Retries int
	// PayloadSize is the largest UDP answer to accept, 512 to 65535 bytes. Default: 1232.
	PayloadSize int
	// Search are the domains that complete a name with fewer than Dots dots, and any that does not
	// exist as it is. Default: none; Dots 1.
	Search []string
	Dots   int
	// Hosts is the file of addresses for names without a dot. Default: none.
	Hosts string
}

// Lookup implements resolve.Source.
func (c *Client) Lookup(ctx context.Context, host string, family resolve.Family) ([]netip.Addr, time.Duration, error) {
	if c.Hosts != "" && !strings.Contains(host, ".") {
		if all := inHosts(c.Hosts, host, family); all != nil {
			return all, 0, nil
		}
	}
	kind := dns.TypeA
	if family == resolve.IPv6 {
		kind = dns.TypeAAAA
	}
	answer, err := c.search(ctx, host, kind)
	return answer.addresses, answer.ttl, err
}

// LookupServices implements resolve.ServiceSource.
func (c *Client) LookupServices(ctx context.Context, name string) ([]resolve.Service, time.Duration, error) {
	answer, err := c.search(ctx, name, dns.TypeSRV)
	return answer.services, answer.ttl, err
}

// search asks for a name, completed by one search domain after another until it exists.
func (c *Client) search(ctx context.Context, name string, kind uint16) (answer, error) {
	var first error
	for _, full := range c.names(name) {
		a, err := c.ask(ctx, full, kind)
		if err == nil || !isNotFound(err) {
			return a, err
		}
		if first == nil || full == dns.Fqdn(name) { // the name that the user wrote
			first = err
		}
	}
	return answer{}, first
}

// names returns the complete names to ask for, in order.
func (c *Client) names(name string) []string {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	var all []string
	for _, domain := range c.Search {
		all = append(all, dns.Fqdn(name+"."+strings.Trim(domain, ".")))
	}
	if strings.Count(name, ".") >= max(1, c.Dots) {
		return append([]string{dns.Fqdn(name)}, all...)
	}
	return append(all, dns.Fqdn(name))
}

// Close closes the connections that are kept for further questions.
func (c *Client) Close() error {
	for _, s := range c.Servers {
		s.close()
	}
	return nil
}

// Nameservers implements resolve.Counted.
func (c *Client) Nameservers() []resolve.NameserverStats {
	all := make([]resolve.NameserverStats, len(c.Servers))
	for i, s := range c.Servers {
		all[i] = s.stats()
	}
	return all
}

// Interface guards
var (
	_ resolve.Source        = (*Client)(nil)
	_ resolve.ServiceSource = (*Client)(nil)
	_ resolve.Counted       = (*Client)(nil)
)
