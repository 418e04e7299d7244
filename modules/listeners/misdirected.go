// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"net"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// addMisdirectedRoute puts a route before those of the http server that answers 421 (RFC 9110,
// section 15.5.20) to requests for hosts that are passed through. Browsers send them on an HTTP/2
// or HTTP/3 connection to a site of the server whose certificate covers the host, too; after a 421
// they open another connection.
func (w *Wrapper) addMisdirectedRoute() {
	if len(w.Sites) == 0 {
		return
	}
	w.server.Routes = append(caddyhttp.RouteList{{
		MatcherSets: caddyhttp.MatcherSets{{misdirected{w}}},
		Handlers: []caddyhttp.MiddlewareHandler{
			caddyhttp.StaticResponse{StatusCode: caddyhttp.WeakString(strconv.Itoa(http.StatusMisdirectedRequest))},
		},
	}}, w.server.Routes...)
}

// misdirected matches requests over TLS for hosts that are passed through.
type misdirected struct{ w *Wrapper }

// MatchWithError implements caddyhttp.RequestMatcherWithError.
func (m misdirected) MatchWithError(r *http.Request) (bool, error) {
	if r.TLS == nil {
		return false, nil
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return m.w.siteOf(host) != nil, nil
}

// Interface guard
var _ caddyhttp.RequestMatcherWithError = misdirected{}
