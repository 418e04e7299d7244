// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/discovery"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// MaxSlots is the maximum number of servers of a template.
const MaxSlots = 4096

// ServerTemplate stands for a number of servers, its slots, whose addresses are found at run time:
// by the DNS, or by a module of the namespace passthrough.discovery. A slot without an address is
// in maintenance. A server that is found keeps its slot; the sessions of one that is gone go on, as
// long as removed_server_timeout allows. It is HAProxy's server-template.
type ServerTemplate struct {
	// Prefix is the first part of the servers' names; their number follows. Required.
	Prefix string `json:"prefix"`

	// Low is the number of the first server. Default: 1.
	Low int `json:"low,omitempty"`

	// Count is the number of servers, 1 to 4096. Further ones that are found are not used. Required.
	Count int `json:"count"`

	// DiscoveryRaw finds the servers, in place of an address. With an address, that is dns_a, or
	// dns_srv if the address is a name of SRV records, such as _https._tcp.example.com.
	DiscoveryRaw json.RawMessage `json:"discovery,omitempty" caddy:"namespace=passthrough.discovery inline_key=source"`

	// Server has the options of the servers. The address is HOST:PORT or the name of SRV records; name
	// and id are not allowed.
	Server

	source discovery.Source
	runner *discovery.Runner // nil before it is started
	full   bool              // the last servers were too many
}

// first returns the number of the first server.
func (t *ServerTemplate) first() int { return cmp.Or(t.Low, 1) }

// has reports whether a word is among the resolve_opts.
func (t *ServerTemplate) has(word string) bool { return slices.Contains(t.ResolveOpts, word) }

// isSlot reports whether the address of a server is found at run time.
func (s *Server) isSlot() bool { return s.template != nil }

// validate validates what the servers do not have; they are validated themselves.
func (t *ServerTemplate) validate() error {
	switch {
	case t.Prefix == "" || ValidateName(t.Prefix) != nil:
		return fmt.Errorf("prefix %q: expected the first part of the servers' names: letters, digits and any of -_.: only", t.Prefix)
	case t.Count < 1 || t.Count > MaxSlots:
		return fmt.Errorf("count %d: expected a whole number from 1 to %d", t.Count, MaxSlots)
	case t.Low < 0 || t.Low > maxNumber-MaxSlots:
		return fmt.Errorf("low %d: expected a whole number, zero or more", t.Low)
	case t.Name != "" || t.ID != 0:
		return errors.New("it has a name or an id: expected neither, since it is for many servers")
	case t.DiscoveryRaw != nil && t.Address != "":
		return errors.New("it has both an address and a discovery: expected one of them")
	case t.DiscoveryRaw == nil:
		_, err := t.sourceOfAddress()
		return err
	}
	return nil
}

// sourceOfAddress returns what finds the servers of an address.
func (t *ServerTemplate) sourceOfAddress() (discovery.Source, error) {
	if strings.HasPrefix(t.Address, "_") {
		s := discovery.NewDNSSRV(t.Address, t.Resolvers, t.ResolvePrefer, t.has("ignore-weight"))
		return s, wrapAbout("address", s.Validate())
	}
	host, port, err := net.SplitHostPort(t.Address)
	n, portErr := strconv.Atoi(port)
	_, notName := netip.ParseAddr(host)
	if err != nil || portErr != nil || notName == nil || validateFilledAddress(t.Address) != nil {
		return nil, fmt.Errorf("address %q: expected HOST:PORT with the name of a host, such as web.example.com:443, or the name of SRV records, such as _https._tcp.example.com", t.Address)
	}
	return discovery.NewDNSA(host, n, t.Resolvers, t.ResolvePrefer), nil
}

// expandTemplates adds the servers of the templates to those of the backend.
func (b *Backend) expandTemplates() error {
	b.configured = len(b.Servers)
	for i, t := range b.ServerTemplates {
		if t == nil {
			return fmt.Errorf("server_templates: %d: expected an object with prefix, count and address", i+1)
		}
		t.inherit(&b.NameOptions)
		if err := t.validate(); err != nil {
			return b.at("server_template", i, fmt.Errorf("server_template %d %q: %w", i+1, t.Prefix, err))
		}
		for n := range t.Count {
			b.Servers = append(b.Servers, t.slot(t.first()+n))
		}
	}
	return nil
}

// slot returns the server with that number.
func (t *ServerTemplate) slot(n int) *Server {
	s := t.Server
	s.Name, s.template = t.Prefix+strconv.Itoa(n), t
	if strings.HasPrefix(s.Address, "_") {
		s.Address = "" // of SRV records, which have the port
	}
	if s.Check != nil {
		s.Check = new(*s.Check)
	}
	if s.Agent != nil {
		s.Agent = new(*s.Agent)
	}
	return &s
}

// atServer adds the place of a server of the backend, or of its template, to an error.
func (b *Backend) atServer(i int, err error) error {
	if i < b.configured || i >= len(b.Servers) || b.Servers[i].template == nil {
		return b.at("server", i, err)
	}
	for n, t := range b.ServerTemplates {
		if t == b.Servers[i].template {
			return b.at("server_template", n, err)
		}
	}
	return err
}

// provisionTemplates loads what finds the servers of the templates.
func (b *Backend) provisionTemplates(ctx caddy.Context) error {
	for i, t := range b.ServerTemplates {
		if err := t.provision(ctx); err != nil {
			return b.at("server_template", i, fmt.Errorf("server_template %d %q: %w", i+1, t.Prefix, err))
		}
	}
	return nil
}

func (t *ServerTemplate) provision(ctx caddy.Context) (err error) {
	if t.DiscoveryRaw == nil {
		t.source, err = t.sourceOfAddress()
		return err
	}
	var inline struct {
		Source string `json:"source"`
	}
	if err := json.Unmarshal(t.DiscoveryRaw, &inline); err != nil {
		return fmt.Errorf(`discovery: expected an object such as {"source": "file", "path": "/etc/servers"}: %w`, err)
	}
	if err := validateDiscovery(inline.Source); err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	mod, err := ctx.LoadModule(t, "DiscoveryRaw")
	if err != nil {
		return fmt.Errorf("discovery %s: %w", inline.Source, err)
	}
	source, ok := mod.(discovery.Source)
	if !ok {
		return fmt.Errorf("discovery %s (%T) does not implement discovery.Source", inline.Source, mod)
	}
	t.source = source
	return nil
}

// validateDiscovery reports an unknown source, and suggests similar ones.
func validateDiscovery(name string) error {
	if _, err := caddy.GetModule(discovery.Namespace + "." + name); name != "" && err == nil {
		return nil
	}
	var known []string
	for _, m := range caddy.GetModules(discovery.Namespace) {
		known = append(known, m.ID.Name())
	}
	return fmt.Errorf("unknown source %q%s", name, options.Suggest(name, known))
}
