// SPDX-License-Identifier: Apache-2.0

// Package peering is the configuration of peers sections, by which processes exchange the entries
// of stick tables, and their life across reloads: a section whose peers and tables stay the same
// keeps its connections. A client that can connect to a section's address, and knows the names of
// two peers, can read and write its tables.
package peering

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peers"
)

// Section is a group of processes that exchange the entries of stick tables by HAProxy's peers
// protocol. It is HAProxy's section peers.
type Section struct {
	// Local is the name of this process among the peers, by which the others know it. Default: the
	// name of the host. It is HAProxy's localpeer.
	Local string `json:"local,omitempty"`

	// Bind are the addresses at which other peers connect, HOST:PORT. Their connections are not
	// authenticated: only peers should reach them. Default: this process only connects to others.
	Bind []string `json:"bind,omitempty"`

	// Peers are the other processes.
	Peers []Peer `json:"peers,omitempty"`

	name      string
	handle    *handle
	listeners []net.Listener
}

// Peer is another process.
type Peer struct {
	// Name is the name that it gives itself.
	Name string `json:"name"`
	// Address is the address that it listens on, HOST:PORT.
	Address string `json:"address"`
}

// Provision validates the section and sets its name. Close must be called when the configuration is
// no longer used.
func (s *Section) Provision(name string) error {
	s.name = name
	if s.Local == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("the name of this peer: %w: expected local", err)
		}
		s.Local = host
	}
	if err := s.validate(); err != nil {
		return err
	}
	s.handle = open(name)
	return nil
}

func (s *Section) validate() error {
	if err := validateName(s.Local); err != nil {
		return fmt.Errorf("local: %w", err)
	}
	for _, address := range s.Bind {
		if err := validateAddress(address); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	}
	seen := []string{s.Local}
	for _, p := range s.Peers {
		if err := validateName(p.Name); err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		if slices.Contains(seen, p.Name) {
			return fmt.Errorf("peer %q: the name is given twice: expected one name for each process, and another one than this process has", p.Name)
		}
		seen = append(seen, p.Name)
		if err := validateAddress(p.Address); err != nil {
			return fmt.Errorf("peer %q: %w", p.Name, err)
		}
	}
	return nil
}

// validateName returns an error for a name that cannot be sent.
func validateName(name string) error {
	const longest = 255
	if name == "" || len(name) > longest || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("name %q: expected 1 to %d characters without spaces", name, longest)
	}
	return nil
}

func validateAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: expected HOST:PORT", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65_535 {
		return fmt.Errorf("address %q: expected a port from 1 to 65535", address)
	}
	return nil
}

// Listen opens the listeners. It is called when the configuration starts.
func (s *Section) Listen(ctx caddy.Context) error {
	for _, address := range s.Bind {
		parsed, err := caddy.ParseNetworkAddress(durableAddress(address))
		if err == nil {
			var opened any
			if opened, err = parsed.Listen(ctx, 0, net.ListenConfig{}); err == nil {
				s.listeners = append(s.listeners, opened.(net.Listener))
				continue
			}
		}
		s.StopListening()
		return fmt.Errorf("peers %q: %w", s.name, err)
	}
	for _, ln := range s.listeners {
		go s.handle.serve(ln)
	}
	return nil
}

func durableAddress(address string) string { return "durable/" + address }

// StopListening closes the listeners. Connections go on.
func (s *Section) StopListening() {
	for _, ln := range s.listeners {
		_ = ln.Close()
	}
	s.listeners = nil
}

// Addresses returns the addresses of the listeners. It is for durable.Validate.
func (s *Section) Addresses() (all []durable.Listening) {
	for _, address := range s.Bind {
		all = append(all, durable.Listening{Address: durableAddress(address)})
	}
	return all
}

// Activate makes the section of the process like this one, with these tables.
func (s *Section) Activate(all []peers.Table) { s.handle.configure(s, all) }

// Close ends the configuration's hold on the section. It is idempotent.
func (s *Section) Close() {
	if s != nil && s.handle != nil {
		s.handle.close()
		s.handle = nil
	}
}

// TableName returns the name by which peers know a table: those that a section defines itself are
// named SECTION/NAME, and known as /NAME.
func (s *Section) TableName(name string) string {
	if own, isOwn := strings.CutPrefix(name, s.name+"/"); isOwn {
		return "/" + own
	}
	return name
}
