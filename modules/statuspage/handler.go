// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler serves the status page of the process at a path of a site. Requests for other paths go on
// to the next handler. It authenticates no client: put Caddy's basic_auth or another handler before
// it.
type Handler struct {
	// Path is the path of the page. Default: /status/.
	Path string `json:"path,omitempty"`

	// Title is the heading of the page.
	Title string `json:"title,omitempty"`

	// Node is the name of this system in the heading; it is HAProxy's stats show-node.
	Node string `json:"node,omitempty"`

	// Description is a line below the heading; it is HAProxy's stats show-desc.
	Description string `json:"description,omitempty"`

	// HideVersion leaves out versions; it is HAProxy's stats hide-version.
	HideVersion bool `json:"hide_version,omitempty"`

	// AllowControl lets readers change servers and frontends and end sessions; it is HAProxy's
	// stats admin. Default: the page only shows.
	AllowControl bool `json:"allow_control,omitempty"`

	// Refresh makes browsers without script load the page again after this time; with script, the
	// page is live. It is HAProxy's stats refresh. Default: never.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	// Scope has the names of the frontends and backends to show; it is HAProxy's stats scope.
	// Default: all.
	Scope []string `json:"scope,omitempty"`

	// URI is another address that leads to the page: a path, or a path and a query. Whatever begins
	// with it does so, and may end in the suffixes of HAProxy's formats, such as ;csv. It is HAProxy's
	// stats uri. Default: none.
	URI string `json:"uri,omitempty"`

	base string // Path with a slash at the end
	page *page
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.passthrough_status",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision prepares the page.
func (h *Handler) Provision(caddy.Context) error {
	if h.Path == "" {
		h.Path = "/status/"
	}
	if h.Path[0] != '/' {
		return fmt.Errorf("path %q: expected a path that begins with a slash, such as /status/", h.Path)
	}
	if err := options.ValidateDuration("refresh", h.Refresh); err != nil {
		return err
	}
	h.base = strings.TrimSuffix(h.Path, "/") + "/"
	h.page = newPage(statusview.Options{
		Title: h.Title, Node: caddy.NewReplacer().ReplaceKnown(h.Node, ""), Description: h.Description, HideVersion: h.HideVersion, Scope: h.Scope, Control: h.AllowControl,
	}, time.Duration(h.Refresh))
	return nil
}

// ServeHTTP serves the page.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	path, below := strings.CutPrefix(r.URL.Path, h.base)
	switch rest, led := h.afterURI(r); {
	case led && isReport(rest):
		h.page.report(w, r, rest)
	case led && !below && r.Method == http.MethodPost: // such as a form of HAProxy's page
		h.page.serve(w, r, "")
	case led && !below:
		http.Redirect(w, r, h.base, http.StatusFound)
	case r.URL.Path+"/" == h.base:
		target := url.URL{Path: h.base, RawQuery: r.URL.RawQuery}
		http.Redirect(w, r, target.String(), http.StatusFound)
	case below:
		h.page.serve(w, r, path)
	default:
		return next.ServeHTTP(w, r)
	}
	return nil
}

// afterURI returns the end of a request's path and query after the handler's URI.
func (h *Handler) afterURI(r *http.Request) (rest string, ok bool) {
	if h.URI == "" {
		return "", false
	}
	return strings.CutPrefix(r.URL.Path+query(r), h.URI)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
