// SPDX-License-Identifier: Apache-2.0

// Package lbadmin shows and changes the load balancer at run time, through Caddy's admin endpoint:
// package control as JSON over HTTP. It keeps no state. docs/openapi.yaml describes the routes.
package lbadmin

import (
	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// Admin adds the routes below /passthrough/ to Caddy's admin endpoint. GET changes nothing. The
// status is 400 for wrong input, 404 for an unknown path or name, 405 for a method that the path
// does not allow, 409 if the state does not allow the change, and 413 for a body of more than 4096
// bytes; the error names the expected input.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.passthrough",
		New: func() caddy.Module { return new(Admin) },
	}
}

// Routes returns the routes of the admin endpoint.
func (Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: prefix, Handler: caddy.AdminHandlerFunc(serve)}}
}

// Interface guards
var _ caddy.AdminRouter = Admin{}
