// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// MaxWeight is the highest weight of a server, as in HAProxy.
const MaxWeight = pool.MaxWeight

// Server is one server of a backend.
type Server struct {
	// Name is unique within the backend. It keeps the server's counts over
	// reloads, whatever becomes of the address. Required.
	Name string `json:"name"`

	// Address is HOST:PORT, or unix/ and the absolute path of a socket, as in
	// unix//run/web.sock. unix/@NAME is an abstract socket of Linux, and abns/NAME one
	// as HAProxy names it with abns@: padded with zeros to 108 bytes. A host name is looked up when it is first needed, and its
	// addresses are renewed every 10 seconds while it is used; tcp4/ or tcp6/ in
	// front of it takes those of one version of IP alone. HOST:PORT
	// may hold placeholders: those of the process, such as {env.WEB}, are filled in
	// when the configuration is loaded, those of the connection, such as
	// {l4.client_hello.sni}, for each connection. A host that depends on the
	// connection must come out as a name, not as an IP address. A port that begins
	// with + or - is added to the one that the client came to: HOST:+0 is the same
	// port, HOST:+1000 that and a thousand. Required.
	Address string `json:"address"`

	// ResolvePrefer is whose addresses of a host name are tried first: ipv4 or ipv6.
	// Default: ipv6, if there is a route to them. It is HAProxy's resolve-prefer.
	ResolvePrefer string `json:"resolve_prefer,omitempty"`

	// ID is the server's number, 1 to 2147483647: its place in policy first, and on
	// the ring of a consistent hash. Default: its place from 1 on, or the next that
	// is free. It is HAProxy's id.
	ID int `json:"id,omitempty"`

	// Weight is the server's share of the connections in relation to the other
	// servers, 0 to 256. With 0 it is given none. Default: 1.
	Weight *int `json:"weight,omitempty"`

	// Backup keeps the server for when no other can be given connections.
	Backup bool `json:"backup,omitempty"`

	// Disabled has the server be given no connection.
	Disabled bool `json:"disabled,omitempty"`

	Limits
	HealthOptions
}

// Limits of what a server is given. They are HAProxy's words.
type Limits struct {
	// MaxConn is how many connections the server may have at a time; the others
	// wait. Default: 0, any number.
	MaxConn int `json:"maxconn,omitempty"`

	// MinConn is the same while the backend has little to do: the limit grows in
	// proportion to the backend's connections, those that wait included, up to
	// maxconn at fullconn. Default: maxconn.
	MinConn int `json:"minconn,omitempty"`

	// MaxQueue is how many connections may wait for this server, if the policy allows
	// them no other. Default: 0, any number.
	MaxQueue int `json:"maxqueue,omitempty"`

	// SlowStart is how long a server that was disabled or down takes to its full
	// weight and maxconn. Whole seconds, rounded up.
	SlowStart caddy.Duration `json:"slowstart,omitempty"`
}

// validate says what is wrong with the server.
func (s *Server) validate() error {
	if err := ValidateName(s.Name); err != nil {
		return err
	}
	if err := validateAddress(s.Address); err != nil {
		return err
	}
	if err := options.ValidatePlaceholders(s.Address); err != nil {
		return fmt.Errorf("address %q: %w", s.Address, err)
	}
	if err := options.ValidateWord("resolve_prefer", s.ResolvePrefer, families); err != nil {
		return err
	}
	if w := s.Weight; w != nil && (*w < 0 || *w > MaxWeight) {
		return fmt.Errorf("weight %d: expected a whole number from 0 to %d", *w, MaxWeight)
	}
	if err := validateNumbers(number{"id", s.ID}); err != nil {
		return err
	}
	if err := s.Limits.validate(); err != nil {
		return err
	}
	return s.HealthOptions.validate()
}

func (l *Limits) validate() error {
	if err := validateNumbers(number{"maxconn", l.MaxConn}, number{"minconn", l.MinConn}, number{"maxqueue", l.MaxQueue}); err != nil {
		return err
	}
	return validateDurations(duration{"slowstart", l.SlowStart})
}

func (s *Server) config() pool.ServerConfig {
	c := pool.ServerConfig{
		Name: s.Name, Address: s.Address, ResolvePrefer: s.ResolvePrefer, ID: s.ID, Weight: 1, Backup: s.Backup, Disabled: s.Disabled,
		MaxConn: s.MaxConn, MinConn: s.MinConn, MaxQueue: s.MaxQueue, SlowStart: time.Duration(s.SlowStart),
	}
	if s.Weight != nil {
		c.Weight = *s.Weight
	}
	return c
}

// families are the words for the two versions of IP.
var families = []string{"ipv4", "ipv6"}

// unixPrefix begins the address of a Unix socket, as Caddy writes it.
const unixPrefix = "unix/"

// abstractPrefix begins the name of an abstract socket that is padded with zeros.
const abstractPrefix = "abns/"

// SplitAddress returns the network of a server's address, as package net calls it,
// and what is behind it.
func SplitAddress(address string) (network, to string) {
	if name, ok := strings.CutPrefix(address, abstractPrefix); ok {
		return "unix", durable.Abstract(name)
	}
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return "unix", path
	}
	return resolve.CutNetwork(address)
}

func validateAddress(address string) error {
	network, to := SplitAddress(address)
	if network == "unix" {
		return validateSocketPath(address, to)
	}
	if err := validateFamily(address); err != nil {
		return err
	}
	if IsTemplate(to) {
		return validateAddressTemplate(to)
	}
	if host, _, relative := relativePort(to); relative {
		to = net.JoinHostPort(host, "1")
	}
	return validateFilledAddress(to)
}

// validateFamily says what is wrong with tcp4/ or tcp6/ before a host, with a port or
// without.
func validateFamily(address string) error {
	network, host := SplitAddress(address)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && network != "tcp" {
		return fmt.Errorf("address %q: expected a host name after %s/: an IP address is of one version by itself", address, network)
	}
	return nil
}

// isUnix reports whether an address is that of a Unix socket.
func isUnix(address string) bool {
	network, _ := SplitAddress(address)
	return network == "unix"
}

// maxSocketPath is how long the path of a Unix socket may be (unix(7): 108 bytes
// with the zero that ends it).
const maxSocketPath = 107

func validateSocketPath(address, path string) error {
	name, padded := strings.CutPrefix(address, abstractPrefix)
	if !padded {
		name = path
	}
	switch {
	case len(name) > maxSocketPath || strings.ContainsAny(name, "{}\x00"), padded && name == "":
	case padded, strings.HasPrefix(path, "/"), strings.HasPrefix(path, "@") && path != "@":
		return nil
	}
	return fmt.Errorf("address %q: expected unix/ and an absolute path of at most %d bytes, such as unix//run/web.sock, or the name of an abstract socket, such as unix/@web or abns/web", address, maxSocketPath)
}

// validateFilledAddress is checkAddress for an address without placeholders.
func validateFilledAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(address, "/ @{}") {
		return fmt.Errorf("address %q: expected HOST:PORT, such as 10.0.0.1:443, [2001:db8::1]:443 or web.example.com:443", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address %q: expected a port from 1 to 65535 after the host", address)
	}
	return nil
}

// ValidateName says what is wrong with the name of a frontend, backend or server.
// Names are those of HAProxy: letters, digits, hyphens, underscores, dots and
// colons.
func ValidateName(name string) error {
	if name == "" {
		return errors.New("it has no name")
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"
	if strings.Trim(name, allowed) != "" {
		return fmt.Errorf("name %q: expected letters, digits and any of -_.:, nothing else", name)
	}
	return nil
}
