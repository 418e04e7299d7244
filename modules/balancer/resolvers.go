// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolvers"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// provisionResolvers opens the resolvers.
func (a *App) provisionResolvers() error {
	for _, name := range slices.Sorted(maps.Keys(a.Resolvers)) {
		err := ValidateName(name)
		if r := a.Resolvers[name]; err == nil && r == nil {
			err = fmt.Errorf("expected an object with nameservers")
		} else if err == nil {
			err = r.Open(name)
		}
		if err != nil {
			return fmt.Errorf("resolvers %q: %w", name, err)
		}
	}
	return nil
}

// ValidateLookups returns an error if rules refer to resolvers that are not defined.
func (a *App) ValidateLookups(c *rules.Config) error {
	for _, name := range c.Resolvers() {
		if a.Resolvers[name] == nil {
			return fmt.Errorf("content: do_resolve: resolvers %q is not defined%s", name, options.Suggest(name, slices.Collect(maps.Keys(a.Resolvers))))
		}
	}
	return nil
}

// validateResolvers returns an error if a server of a backend, or a rule, refers to resolvers that
// are not defined.
func (a *App) validateResolvers(b *Backend) error {
	if err := a.ValidateLookups(b.Content); err != nil {
		return b.at("content", 0, fmt.Errorf("backend %q: %w", b.name, err))
	}
	for i, s := range b.Servers {
		if s.Resolvers == "" || a.Resolvers[s.Resolvers] != nil {
			continue
		}
		return b.at("server", i, fmt.Errorf("backend %q: server %q: resolvers %q is not defined%s",
			b.name, s.Name, s.Resolvers, options.Suggest(s.Resolvers, slices.Collect(maps.Keys(a.Resolvers)))))
	}
	return nil
}

// parseResolvers parses "resolvers <name> { … }". See resolvers.Resolvers for the options.
func (a *App) parseResolvers(d *caddyfile.Dispenser) error {
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	if err := ValidateWrittenName(name); err != nil {
		return d.Errf("resolvers: %w", err)
	}
	if a.Resolvers[name] != nil {
		return d.Errf("resolvers %q is defined twice", name)
	}
	if a.Resolvers == nil {
		a.Resolvers = make(map[string]*resolvers.Resolvers)
	}
	a.Resolvers[name] = new(resolvers.Resolvers)
	return a.Resolvers[name].UnmarshalCaddyfile(d)
}
