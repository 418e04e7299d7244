// SPDX-License-Identifier: Apache-2.0

// Package resolvers configures the DNS servers at which the host names of servers are looked up,
// instead of by the system's resolver. Resolvers have names, by which servers refer to them, and
// outlive reloads that do not change them. They are HAProxy's sections resolvers.
package resolvers

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/dnsclient"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// Resolvers are DNS servers, and how to ask them. All are asked at once, and the first good answer
// counts.
type Resolvers struct {
	// Nameservers are the servers to ask.
	Nameservers []Nameserver `json:"nameservers,omitempty"`

	// ParseResolvConf adds the servers and search domains of /etc/resolv.conf, as they are when the
	// configuration is loaded.
	ParseResolvConf bool `json:"parse_resolv_conf,omitempty"`

	// Search are domains that complete names without a dot, and names that do not exist as they are.
	Search []string `json:"search,omitempty"`

	// TLS asks the nameservers over TLS. Default: UDP, and TCP for answers that are too long.
	TLS *TLS `json:"tls,omitempty"`

	// Hold says how long addresses stay in use.
	Hold Hold `json:"hold,omitzero"`

	// TimeoutResolve is the time from a failed lookup to the next. Default: 1s.
	TimeoutResolve caddy.Duration `json:"timeout_resolve,omitempty"`

	// TimeoutRetry is the time for which one question waits for an answer. Default: 1s.
	TimeoutRetry caddy.Duration `json:"timeout_retry,omitempty"`

	// Retries is the number of times that a question is sent before the lookup fails, at most 100.
	// Default: 3.
	Retries int `json:"retries,omitempty"`

	// AcceptedPayloadSize is the size of the largest answer over UDP, 512 to 65535. Longer ones come
	// over TCP. Default: 1232.
	AcceptedPayloadSize int `json:"accepted_payload_size,omitempty"`

	use *resolve.Use
}

// Nameserver is a DNS server.
type Nameserver struct {
	// Name is for statistics. Default: the address.
	Name string `json:"name,omitempty"`

	// Address is an IP address with or without a port; tcp/ before it asks over TCP alone. The default
	// port is 53, or 853 with TLS.
	Address string `json:"address"`
}

// Hold says how long addresses stay in use. -1 is without limit.
type Hold struct {
	// Valid is the time after which addresses are looked up again, even if their TTL is longer. A
	// shorter TTL counts, but at least a second. Default: 1m.
	Valid caddy.Duration `json:"valid,omitempty"`

	// Obsolete is the time for which an address stays in use that is missing in an answer with others.
	// Default: 0.
	Obsolete caddy.Duration `json:"obsolete,omitempty"`

	// NX is the time for which addresses stay in use after the last answer with addresses, if the DNS
	// says that a name has no addresses. Then servers of that name are in maintenance. Default: 30s.
	NX caddy.Duration `json:"nx,omitempty"`

	// Refused, Timeout and Other are the same if the servers refuse, do not answer, or answer with
	// other errors. Default: -1.
	Refused caddy.Duration `json:"refused,omitempty"`
	Timeout caddy.Duration `json:"timeout,omitempty"`
	Other   caddy.Duration `json:"other,omitempty"`
}

// Defaults, and the limit of retries.
const (
	defaultValid = time.Minute
	defaultNX    = 30 * time.Second
	forever      = caddy.Duration(-1)
	maxRetries   = 100
)

// Open validates the resolvers and makes them known by their name. Close them afterwards.
func (r *Resolvers) Open(name string) error {
	if err := r.validate(); err != nil {
		return err
	}
	client, key, err := r.client()
	if err != nil {
		return err
	}
	r.use = resolve.Acquire(name, key, func() *resolve.Resolver { return r.resolver(client) })
	return nil
}

// Serve makes these resolvers the ones that servers use by their name.
func (r *Resolvers) Serve() { r.use.Serve() }

// Close ends the use of the resolvers by this configuration. They may be nil, or not open.
func (r *Resolvers) Close() {
	if r != nil && r.use != nil {
		r.use.Release()
	}
}

// Resolver returns the resolver of this configuration. It is valid while they are open.
func (r *Resolvers) Resolver() *resolve.Resolver { return r.use.Resolver }

func (r *Resolvers) resolver(client *dnsclient.Client) *resolve.Resolver {
	wait := time.Duration(r.TimeoutResolve)
	limit := func(d, otherwise caddy.Duration) time.Duration { return time.Duration(cmp.Or(d, otherwise)) }
	return &resolve.Resolver{
		Source: client, Valid: cmp.Or(time.Duration(r.Hold.Valid), defaultValid), Retry: wait, Notify: resolve.Servers.Notify,
		Hold: &resolve.Hold{
			Obsolete: time.Duration(r.Hold.Obsolete), NotFound: limit(r.Hold.NX, caddy.Duration(defaultNX)),
			Refused: limit(r.Hold.Refused, forever), Timeout: limit(r.Hold.Timeout, forever), Other: limit(r.Hold.Other, forever),
		},
	}
}

func (r *Resolvers) validate() error {
	if len(r.Nameservers) == 0 && !r.ParseResolvConf {
		return errors.New("it has no servers: expected nameserver, or parse_resolv_conf")
	}
	if r.Retries < 0 || r.Retries > maxRetries {
		return fmt.Errorf("retries %d: expected a whole number from 1 to %d", r.Retries, maxRetries)
	}
	if n := r.AcceptedPayloadSize; n != 0 && (n < dnsclient.MinPayloadSize || n > dnsclient.MaxPayloadSize) {
		return fmt.Errorf("accepted_payload_size %d: expected a whole number from %d to %d", n, dnsclient.MinPayloadSize, dnsclient.MaxPayloadSize)
	}
	if r.TLS != nil && r.TLS.ServerName == "" {
		return errors.New("tls: it has no server name: expected the name in the certificate of the nameservers")
	}
	return r.validateTimes()
}

func (r *Resolvers) validateTimes() error {
	for _, d := range []struct {
		name string
		caddy.Duration
	}{
		{"timeout_resolve", r.TimeoutResolve}, {"timeout_retry", r.TimeoutRetry}, {"hold valid", r.Hold.Valid},
	} {
		if err := options.ValidateDuration(d.name, d.Duration); err != nil {
			return err
		}
	}
	for _, kind := range holds {
		if d := *r.Hold.of(kind); d != forever {
			if err := options.ValidateDuration("hold "+kind, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds are the kinds of hold times.
var holds = []string{"valid", "obsolete", "nx", "refused", "timeout", "other"}

// of returns the time of a kind, or nil.
func (h *Hold) of(kind string) *caddy.Duration {
	switch kind {
	case "valid":
		return &h.Valid
	case "obsolete":
		return &h.Obsolete
	case "nx":
		return &h.NX
	case "refused":
		return &h.Refused
	case "timeout":
		return &h.Timeout
	case "other":
		return &h.Other
	}
	return nil
}
