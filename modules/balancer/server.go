// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
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
	// Name is unique within the backend. It keeps the server's counts across reloads, even if the
	// address changes. Required.
	Name string `json:"name"`

	// Address is HOST:PORT, or unix/ and the absolute path of a socket, as in unix//run/web.sock.
	// unix/@NAME is an abstract socket of Linux; abns/NAME is one as HAProxy names it with abns@,
	// padded with zeros to 108 bytes. A host name is resolved when it is first needed, and again every
	// 10 seconds while it is used; the prefix tcp4/ or tcp6/ restricts it to one version of IP.
	// HOST:PORT may have placeholders: those of the process, such as {env.WEB}, are replaced when the
	// configuration is loaded, those of the connection, such as {l4.client_hello.sni}, for each
	// connection. A host that depends on the connection must result in a name, not in an IP address. A
	// port with a sign is relative to the port that the client connected to: HOST:+0 is the same port,
	// HOST:+1000 adds a thousand. Required.
	Address string `json:"address"`

	NameOptions

	// ID is the server's number, 1 to 2147483647: its place in policy first, and on the ring of a
	// consistent hash. Default: its position from 1 on, or the next free number. It is HAProxy's id.
	ID int `json:"id,omitempty"`

	// Weight is the server's share of the connections relative to the other servers, 0 to 256. With 0
	// it gets none. Default: 1.
	Weight *int `json:"weight,omitempty"`

	// Backup reserves the server for when no other is usable.
	Backup bool `json:"backup,omitempty"`

	// NonStick keeps the server out of stick tables: clients do not come back to it. It is HAProxy's
	// non-stick.
	NonStick bool `json:"non_stick,omitempty"`

	// Disabled starts the server in maintenance.
	Disabled bool `json:"disabled,omitempty"`

	Limits
	SocketOptions
	ProxyHeader
	HealthOptions

	template *ServerTemplate // nil: it is a server of its own
}

// Limits limits the load of a server. The names are HAProxy's.
type Limits struct {
	// MaxConn is the maximum number of concurrent connections; further ones are queued. Default: 0, no
	// limit.
	MaxConn int `json:"maxconn,omitempty"`

	// MinConn is the limit while the backend has little load. It grows in proportion to the backend's
	// connections, including queued ones, and reaches maxconn at fullconn. Default: maxconn.
	MinConn int `json:"minconn,omitempty"`

	// MaxQueue is the maximum number of connections queued for this server, if the policy allows them
	// no other. Default: 0, no limit.
	MaxQueue int `json:"maxqueue,omitempty"`

	// SlowStart is the time in which a server that was disabled or down grows to its full weight and
	// maxconn, rounded up to whole seconds.
	SlowStart caddy.Duration `json:"slowstart,omitempty"`
}

// validate validates the server's options.
func (s *Server) validate() error {
	if err := ValidateName(s.Name); err != nil {
		return err
	}
	if err := s.validateAddress(); err != nil {
		return err
	}
	if err := options.ValidatePlaceholders(s.Address); err != nil {
		return fmt.Errorf("address %q: %w", s.Address, err)
	}
	if err := s.NameOptions.validate(); err != nil {
		return err
	}
	if w := s.Weight; w != nil && (*w < 0 || *w > MaxWeight) {
		return fmt.Errorf("weight %d: expected a whole number from 0 to %d", *w, MaxWeight)
	}
	if err := validateNumbers(number{"id", s.ID}); err != nil {
		return err
	}
	if err := cmp.Or(s.Limits.validate(), s.validateSocket(), s.ProxyHeader.validate()); err != nil {
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
		Name: s.Name, Address: s.Address, Naming: s.naming(), ID: s.ID, Weight: 1, Backup: s.Backup, Disabled: s.Disabled,
		MaxConn: s.MaxConn, MinConn: s.MinConn, MaxQueue: s.MaxQueue, SlowStart: time.Duration(s.SlowStart),
	}
	if s.Weight != nil {
		c.Weight = *s.Weight
	}
	c.Resolvable = s.follows()
	if _, c.Awaits = s.initialAddress(); !c.Resolvable {
		c.Awaits = false
	}
	if s.isSlot() {
		c.Resolvable, c.Awaits = true, true
	}
	return c
}

// families are the words for the two versions of IP.
var families = []string{"ipv4", "ipv6"}

// unixPrefix is Caddy's prefix for the address of a Unix socket.
const unixPrefix = "unix/"

// abstractPrefix is the prefix for an abstract socket whose name is padded with zeros.
const abstractPrefix = "abns/"

// SplitAddress splits a server's address into its network, as package net names it, and the rest.
func SplitAddress(address string) (network, to string) {
	if name, ok := strings.CutPrefix(address, abstractPrefix); ok {
		return "unix", durable.Abstract(name)
	}
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return "unix", path
	}
	return resolve.CutNetwork(address)
}

// validateAddress validates the address of the server, unless that is found at run time.
func (s *Server) validateAddress() error {
	if s.isSlot() && s.Address == "" {
		return nil
	}
	return validateAddress(s.Address)
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
	if IsClientDestination(to) && network != "tcp" {
		return fmt.Errorf("address %q: expected %s without %s/: it is the destination of each connection", address, to, network)
	}
	return validateFilledAddress(to)
}

// validateFamily validates the prefix tcp4/ or tcp6/ of a host, with or without a port.
func validateFamily(address string) error {
	network, host := SplitAddress(address)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && network != "tcp" {
		return fmt.Errorf("address %q: expected a host name after %s/: an IP address implies its version", address, network)
	}
	return nil
}

// isUnix reports whether an address is that of a Unix socket.
func isUnix(address string) bool {
	network, _ := SplitAddress(address)
	return network == "unix"
}

// maxSocketPath is the maximum length of a Unix socket's path (unix(7): 108 bytes with the
// terminating zero).
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

// validateFilledAddress validates an address without placeholders.
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

// ValidateName validates the name of a frontend, backend or server. As in HAProxy it may have
// letters, digits, hyphens, underscores, dots and colons.
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
