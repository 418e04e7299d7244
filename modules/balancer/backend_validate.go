// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// siteRunes are allowed in a site's name, which is a host name for Caddy.
const siteRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// validate validates the configuration.
func (b *Backend) validate() error {
	return cmp.Or(
		ValidateName(b.name),
		b.validateDestination(),
		b.validateServers(),
		b.validateRetries(),
		wrapAbout("retry_budget", b.RetryBudget.validate()),
		validateNumbers(number{"fullconn", b.FullConn}),
		wrapAbout("passive", b.Passive.validate()),
		wrapAbout("check", b.Check.validate()),
		wrapAbout("agent", b.Agent.validate()),
		b.NameOptions.validate(),
		b.SocketOptions.validate(),
		b.ProxyHeader.validate(),
		b.Timeouts.validate(),
		b.validatePreconnect(),
	)
}

// validateDestination validates that connections have somewhere to go.
func (b *Backend) validateDestination() error {
	if b.Servers == nil && b.ServerTemplates == nil && b.Site == "" {
		return errors.New("it has no servers: expected at least one")
	}
	if strings.Trim(b.Site, siteRunes) != "" {
		return fmt.Errorf("site %q: expected letters, digits and any of -_. in a name", b.Site)
	}
	return nil
}

// validateRetries validates retries and redispatch.
func (b *Backend) validateRetries() error {
	if r := b.Retries; r != nil && (*r < 0 || *r > MaxRetries) {
		return fmt.Errorf("retries %d: expected a whole number from 0 to %d", *r, MaxRetries)
	}
	if b.Redispatch == nil {
		return nil
	}
	return b.Redispatch.validate()
}

func (b *Backend) validateServers() error {
	seen := make(map[string]int, len(b.Servers))
	for i, s := range b.Servers {
		if s == nil {
			return fmt.Errorf("server %d: expected an object with name and address", i+1)
		}
		if first, twice := seen[s.Name]; twice && s.Name != "" {
			return b.atServer(i, fmt.Errorf("servers %d and %d are both named %q: expected names that differ", first, i+1, s.Name))
		}
		seen[s.Name] = i + 1
		if err := cmp.Or(s.validate(), b.validateHealth(s), b.validateMinConn(s)); err != nil {
			return b.atServer(i, fmt.Errorf("server %d %q: %w", i+1, s.Name, err))
		}
	}
	return nil
}

// validateMinConn validates minconn, which needs fullconn in the backend.
func (b *Backend) validateMinConn(s *Server) error {
	if b.FullConn != 0 || s.MinConn == 0 || s.MinConn >= s.MaxConn {
		return nil
	}
	return fmt.Errorf("minconn %d is below maxconn %d, and the backend has no fullconn: expected fullconn, the number of connections of the backend at which maxconn is reached", s.MinConn, s.MaxConn)
}
