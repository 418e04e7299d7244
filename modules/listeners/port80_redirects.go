// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// restrictRedirects excludes names that are passed through from Caddy's automatic redirects of
// names: these are before routes without a host matcher, and the one of an own site *.example.com
// would take git.example.com, which is passed through.
//
// Caddy builds such a redirect itself, not from JSON, so that its matcher is a value and not a
// pointer.
func (p *Port80) restrictRedirects(server *caddyhttp.Server) {
	for _, route := range server.Routes {
		for i, set := range route.MatcherSets {
			for _, m := range set {
				if _, automatic := m.(caddyhttp.MatchHost); automatic {
					route.MatcherSets[i] = append(slices.Clip(set), notPassed{p})
					break
				}
			}
		}
	}
}

// notPassed matches requests for names that are not passed through.
type notPassed struct{ p *Port80 }

// MatchWithError implements caddyhttp.RequestMatcherWithError.
func (n notPassed) MatchWithError(r *http.Request) (bool, error) {
	_, site := n.p.find(r)
	return site == nil, nil
}

// Interface guard
var _ caddyhttp.RequestMatcherWithError = notPassed{}
