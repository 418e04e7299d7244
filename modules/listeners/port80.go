// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() {
	caddy.RegisterModule(new(Port80))
}

// Port80 answers requests on the HTTP port for names that are passed through on another port of the
// same configuration. It forwards requests of an ACME server (challenge http-01) to the site's
// acme_to, or to port 80 of its backend's servers, until one of them answers 200; it redirects
// others to HTTPS if the site has redirect, and else answers 404. Requests for all other names go
// to the next handler. Challenges of Caddy's own names do not come here: Caddy answers them before
// any route.
type Port80 struct {
	wrappers *wrapperList
	proxy    *reverseproxy.Handler // of challenges
}

// CaddyModule returns the Caddy module information.
func (*Port80) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.passthrough_http",
		New: func() caddy.Module { return new(Port80) },
	}
}

// Provision prepares the handler, and keeps Caddy's automatic redirects from its names.
func (p *Port80) Provision(ctx caddy.Context) error {
	app := httpApp(ctx)
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if app == nil || server == nil {
		return errors.New("passthrough_http: expected a route of an http server")
	}
	p.wrappers = wrappersOf(ctx, app)
	p.wrappers.port80.Store(true)
	p.restrictRedirects(server)
	p.proxy = newChallengeProxy()
	return p.proxy.Provision(ctx)
}

// Cleanup releases what the proxy holds.
func (p *Port80) Cleanup() error {
	if p.proxy == nil {
		return nil
	}
	return p.proxy.Cleanup()
}

// ServeHTTP answers a request for a name that is passed through, and gives all others to next.
func (p *Port80) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	passing, site := p.find(r)
	if site == nil {
		return next.ServeHTTP(w, r)
	}
	if isChallenge(r) {
		if to := site.challengeServers(); len(to) > 0 {
			return p.forward(w, r, to)
		}
	}
	if site.Redirect {
		redirect(w, r, passing.httpsPort(p.wrappers.app))
		return nil
	}
	http.Error(w, "This name is served over HTTPS only.", http.StatusNotFound)
	return nil
}

// find returns the site that a request's host belongs to, and its wrapper. The site is nil if the
// host is not passed through, or if the request has come over TLS.
func (p *Port80) find(r *http.Request) (*Wrapper, *Site) {
	if r.TLS != nil {
		return nil, nil
	}
	return p.wrappers.siteOf(hostOf(r))
}

// hostOf returns the host name of a request, in lower case, without a port and a trailing dot. It
// is empty if the host is not a name.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if strings.HasSuffix(host, ".") || strings.ContainsFunc(host, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_'
	}) {
		return ""
	}
	return host
}

// redirect redirects a request to HTTPS. As Caddy's automatic redirect, it closes the connection:
// the client will not use it again.
func redirect(w http.ResponseWriter, r *http.Request, port string) {
	host := hostOf(r)
	if port != "" {
		host = net.JoinHostPort(host, port)
	}
	uri := r.URL.RequestURI()
	if !strings.HasPrefix(uri, "/") {
		uri = "/" // of OPTIONS *
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Location", "https://"+host+uri)
	w.WriteHeader(http.StatusPermanentRedirect)
}

// httpsPort returns the port to redirect to; empty for 443 and, as in Caddy, for the port that
// clients reach as 443, which the global option https_port gives.
func (w *Wrapper) httpsPort(app *caddyhttp.App) string {
	known := []uint{uint(app.HTTPPort), uint(app.HTTPSPort), caddyhttp.DefaultHTTPPort, caddyhttp.DefaultHTTPSPort}
	port := ""
	for _, listen := range w.server.Listen {
		address, err := caddy.ParseNetworkAddress(listen)
		if err != nil || address.IsUnixNetwork() {
			continue
		}
		if slices.Contains(known, address.StartPort) {
			return ""
		}
		if port == "" {
			port = strconv.FormatUint(uint64(address.StartPort), 10)
		}
	}
	return port
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Port80)(nil)
	_ caddy.CleanerUpper          = (*Port80)(nil)
	_ caddyhttp.MiddlewareHandler = (*Port80)(nil)
)
