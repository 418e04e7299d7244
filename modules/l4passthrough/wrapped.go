// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"maps"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Wrapped describes a frontend over the listeners of another server.
type Wrapped struct {
	// Server is the name of the server in errors.
	Server string

	// Listen lists the addresses of the server.
	Listen []string

	// Names are tried in this order, before the rules of the configuration.
	Names []Name

	// Own lists patterns of server names that are the server's own.
	Own []string
}

// Name is a server name in the form of package names, and where its connections go.
type Name struct {
	Pattern string
	Backend string // empty: they are passed on
}

// rule returns the rule for the name.
func (n Name) rule() *Rule {
	r := &Rule{
		MatcherSetsRaw: []caddy.ModuleMap{{"client_hello": caddyconfig.JSON(l4clienthello.Matcher{SNI: []string{n.Pattern}}, nil)}},
		Backend:        n.Backend,
		name:           n.Pattern,
	}
	if n.Backend == "" {
		r.Action = frontend.Next.String()
	}
	return r
}

// ProvisionWrapped provisions a frontend that gets its connections from listeners of another
// server, and what no backend takes goes on to that server: each outcome of on is next if it is not
// set, except no_server.
func (h *Handler) ProvisionWrapped(ctx caddy.Context, app *balancer.App, w Wrapped) (*frontend.Frontend, error) {
	if h.Name == "" {
		h.Name = NameOf(w.Listen)
	}
	h.logger, h.ownNames = ctx.Logger(), w.Own
	for _, n := range w.Names {
		h.names = append(h.names, n.rule())
	}
	if err := app.AddFrontend(h.Name, h.Origin, w.Server); err != nil {
		return nil, h.located(err)
	}
	if err := h.setUp(balancer.NotDurable(w.Listen)); err != nil {
		return nil, h.located(err)
	}
	h.passOnTheRest()
	if err := h.provision(ctx, app); err != nil {
		return nil, h.located(err)
	}
	return h.frontend, nil
}

// passOnTheRest sets the action of outcomes without one.
func (h *Handler) passOnTheRest() {
	on := make(map[string]string)
	for outcome, r := range frontend.Reasons {
		if r == frontend.NoMatch || r != frontend.NoServer && h.Content == nil {
			on[outcome] = frontend.Next.String()
		}
	}
	maps.Copy(on, h.On)
	h.On = on
}

// located adds the frontend's name and its line to an error.
func (h *Handler) located(err error) error {
	return options.Locate(h.Origin.Block(), fmt.Errorf("frontend %q: %w", h.Name, err))
}

// NameOf returns the name of a frontend that has none of its own, made of the first address that it
// listens on: of durable/:443 it is ":443".
func NameOf(listen []string) string {
	if len(listen) == 0 {
		return DefaultName
	}
	address := listen[0]
	if network, rest, ok := strings.Cut(address, "/"); ok && network != "unix" {
		address = rest
	}
	address = strings.NewReplacer("[", "", "]", "").Replace(address)
	return strings.Map(func(r rune) rune {
		if balancer.ValidateName(string(r)) != nil {
			return '-'
		}
		return r
	}, address)
}
