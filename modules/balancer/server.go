// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// MaxWeight is the highest weight of a server, as in HAProxy.
const MaxWeight = 256

// Server is one server of a backend.
type Server struct {
	// Name is unique within the backend. It keeps the server's counts over
	// reloads, whatever becomes of the address. Required.
	Name string `json:"name"`

	// Address is HOST:PORT; a host name is looked up at each connection. It may
	// hold placeholders: those of the process, such as {env.WEB}, are filled in
	// when the configuration is loaded, those of the connection, such as
	// {l4.client_hello.sni}, for each connection. A host that depends on the
	// connection must come out as a name, not as an IP address. Required.
	Address string `json:"address"`

	// Weight is the server's share of the connections in relation to the other
	// servers, 0 to 256. With 0 it is given none. Default: 1.
	Weight *int `json:"weight,omitempty"`
}

// check says what is wrong with the server.
func (s *Server) check() error {
	if err := CheckName(s.Name); err != nil {
		return err
	}
	if err := checkAddress(s.Address); err != nil {
		return err
	}
	if w := s.Weight; w != nil && (*w < 0 || *w > MaxWeight) {
		return fmt.Errorf("weight %d: expected a whole number from 0 to %d", *w, MaxWeight)
	}
	return nil
}

func (s *Server) config() pool.ServerConfig {
	c := pool.ServerConfig{Name: s.Name, Address: s.Address, Weight: 1}
	if s.Weight != nil {
		c.Weight = *s.Weight
	}
	return c
}

func checkAddress(address string) error {
	if IsTemplate(address) {
		return checkAddressTemplate(address)
	}
	return checkFilledAddress(address)
}

// checkFilledAddress is checkAddress for an address without placeholders.
func checkFilledAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(address, "/ @{}") {
		return fmt.Errorf("address %q: expected HOST:PORT, such as 10.0.0.1:443, [2001:db8::1]:443 or web.example.com:443", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address %q: expected a port from 1 to 65535 after the host", address)
	}
	return nil
}

// CheckName says what is wrong with the name of a frontend, backend or server.
// Names are those of HAProxy: letters, digits, hyphens, underscores, dots and
// colons.
func CheckName(name string) error {
	if name == "" {
		return errors.New("it has no name")
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"
	if strings.Trim(name, allowed) != "" {
		return fmt.Errorf("name %q: expected letters, digits and any of -_.:, nothing else", name)
	}
	return nil
}
