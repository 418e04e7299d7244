// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// adminPath is the address of the page at the admin endpoint.
const adminPath = "/passthrough/"

// Admin serves the status page at /passthrough/ of Caddy's admin endpoint, which protects it as it
// does its other routes: by the Host and Origin of requests. It changes nothing unless status_page
// in the app passthrough has allow_control.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.passthrough_page",
		New: func() caddy.Module { return new(Admin) },
	}
}

// adminPages are the pages of the admin endpoint, one that only shows and one that changes, too.
var adminPages = map[bool]*page{
	false: newPage(statusview.Options{}, 0),
	true:  newPage(statusview.Options{Control: true}, 0),
}

// Routes returns the routes of the page. The other paths below /passthrough/ are those of
// admin.api.passthrough.
func (Admin) Routes() (routes []caddy.AdminRoute) {
	handler := caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		adminPages[balancer.AdminPage().AllowControl].serve(w, r, strings.TrimPrefix(r.URL.Path, adminPath))
		return nil
	})
	for _, pattern := range []string{"{$}", "page/", ";csv", ";csv;norefresh", ";json", ";typed"} {
		routes = append(routes, caddy.AdminRoute{Pattern: adminPath + pattern, Handler: handler})
	}
	return routes
}

// Interface guard
var _ caddy.AdminRouter = Admin{}
