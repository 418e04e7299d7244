// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// stateKey is the key of the *adaptation in the state that Caddy shares among site blocks.
const stateKey = "caddy-passthrough.listeners"

// adaptation holds the wrappers that the directives of a Caddyfile make.
type adaptation struct {
	groups  []*group
	servers []*serverOptions // nil elements: not looked at yet
}

// group is the directives of the site blocks with the same addresses. These blocks are in the same
// http servers.
type group struct {
	addresses []string
	wrapper   *Wrapper
	at        string            // the first directive
	given     map[string]string // options of the frontend, with their places
	placed    bool
}

// adaptationOf returns the adaptation that is going on.
func adaptationOf(h httpcaddyfile.Helper) *adaptation {
	a, ok := h.State[stateKey].(*adaptation)
	if !ok {
		a = &adaptation{servers: serverOptionsOf(h)}
		h.State[stateKey] = a
	}
	return a
}

// group returns the group of a site block.
func (a *adaptation) group(h httpcaddyfile.Helper, block siteBlock) (*group, error) {
	for _, g := range a.groups {
		if slices.Equal(g.addresses, block.addresses) {
			g.restrict(block)
			return g, nil
		}
		if i := slices.IndexFunc(g.addresses, func(address string) bool { return slices.Contains(block.addresses, address) }); i >= 0 {
			return nil, h.Errf("%[1]s: this site block is for %[2]s, and the one with %[1]s at %[3]s for %[4]s: expected the same addresses, since one http server has both at %[5]s",
				directive, strings.Join(block.addresses, " "), g.at, strings.Join(g.addresses, " "), g.addresses[i])
		}
	}
	g := &group{addresses: block.addresses, wrapper: new(Wrapper), at: fmt.Sprintf("%s:%d", h.File(), h.Line()), given: make(map[string]string)}
	g.wrapper.BeginBlock(h.Dispenser)
	g.restrict(block)
	a.groups = append(a.groups, g)
	return g, nil
}

// restrict excludes the HTTP port from the wrapper, where a block is for that, too.
func (g *group) restrict(block siteBlock) {
	if len(block.http) > 0 {
		g.wrapper.Listen = g.addresses
	}
}

// place returns the wrapper, with tls behind it, for the first directive of a group. Caddy encodes
// it when all site blocks have been parsed.
func (g *group) place(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if err := adaptationOf(h).placeInOptions(); err != nil {
		return nil, h.WrapErr(err)
	}
	if g.placed {
		return nil, nil
	}
	g.placed = true
	tls, err := caddy.GetModule("caddy.listeners.tls")
	if err != nil {
		return nil, err
	}
	const class = "listener_wrapper"
	return []httpcaddyfile.ConfigValue{{Class: class, Value: g.wrapper}, {Class: class, Value: tls.New()}}, nil
}
