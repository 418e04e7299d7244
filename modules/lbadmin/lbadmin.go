// SPDX-License-Identifier: Apache-2.0

// Package lbadmin shows and changes the load balancer at run time, through Caddy's admin endpoint.
// It shows the state of the process, whatever configuration runs, and reads it for each request.
// Changes last until a configuration or a health check changes the same value. The package keeps no
// state.
package lbadmin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// Admin adds these routes to Caddy's admin endpoint:
//
//	GET   /passthrough/backends
//	GET   /passthrough/backends/BACKEND
//	GET   /passthrough/backends/BACKEND/servers/SERVER
//	PATCH /passthrough/backends/BACKEND/servers/SERVER
//	GET   /passthrough/sessions
//	GET   /passthrough/frontends
//	GET   /passthrough/overload
//	GET   /passthrough/tables
//	GET, POST, DELETE /passthrough/tables/TABLE
//
// GET returns Backends, Backend, Server, Sessions, the Counts of each frontend, a limits.Report,
// each Table, or the entries (stick.Entry) of a table; PATCH takes Change and returns Server. POST
// takes Set and returns the entry; DELETE returns Cleared. ?key=KEY and ?data.VALUE.OPERATOR=NUMBER
// select entries. The status is 404 for an unknown name, 400 for an invalid value.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.passthrough",
		New: func() caddy.Module { return new(Admin) },
	}
}

// backendsPath is the prefix of the paths of backends and servers.
const backendsPath = "/passthrough/backends"

// The paths of the sessions, of the frontends and of the overload.
const (
	sessionsPath  = "/passthrough/sessions"
	frontendsPath = "/passthrough/frontends"
	overloadPath  = "/passthrough/overload"
)

// Routes returns the routes of the admin endpoint.
func (Admin) Routes() []caddy.AdminRoute {
	handler := caddy.AdminHandlerFunc(serve)
	return append(tableRoutes(), []caddy.AdminRoute{
		{Pattern: backendsPath, Handler: handler},
		{Pattern: backendsPath + "/", Handler: handler},
		{Pattern: sessionsPath, Handler: getJSON(func() any { return newSessions() })},
		{Pattern: frontendsPath, Handler: getJSON(func() any { return frontend.AllCounts() })},
		{Pattern: overloadPath, Handler: getJSON(func() any { return limits.Overload.Report() })},
	}...)
}

// getJSON returns a handler of GET that writes a value as JSON.
func getJSON(value func() any) caddy.AdminHandler {
	return caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet {
			return apiError(http.StatusMethodNotAllowed, fmt.Errorf("method %s: expected GET", r.Method))
		}
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(value())
	})
}

func serve(w http.ResponseWriter, r *http.Request) error {
	backend, server, err := parsePath(r.URL.EscapedPath())
	if err != nil {
		return err
	}
	switch {
	case r.Method == http.MethodPatch && server != "":
		if err := changeServer(http.MaxBytesReader(w, r.Body, maxBody), backend, server); err != nil {
			return err
		}
	case r.Method != http.MethodGet:
		return apiError(http.StatusMethodNotAllowed, fmt.Errorf("method %s: expected GET, or PATCH for a server", r.Method))
	}
	answer, err := show(balancer.Registry(), backend, server)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

// parsePath parses an escaped path; names missing from it are empty. An escaped slash is part of a
// name, and no name contains one.
func parsePath(path string) (backend, server string, err error) {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, backendsPath), "/"), "/")
	for i := range parts {
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return "", "", apiError(http.StatusBadRequest, fmt.Errorf("path %s: %w", path, err))
		}
	}
	switch {
	case len(parts) == 1:
		return parts[0], "", nil
	case len(parts) == 3 && parts[0] != "" && parts[1] == "servers" && parts[2] != "":
		return parts[0], parts[2], nil
	}
	return "", "", apiError(http.StatusNotFound, fmt.Errorf("path %s: expected %s, %s/BACKEND or %s/BACKEND/servers/SERVER", path, backendsPath, backendsPath, backendsPath))
}

func show(registry *pool.Registry, backend, server string) (any, error) {
	if backend == "" {
		return newBackends(registry.Backends()), nil
	}
	b, ok := registry.Backend(backend)
	if !ok {
		return nil, apiError(http.StatusNotFound, fmt.Errorf("backend %q: %w", backend, pool.ErrNoBackend))
	}
	all := newBackend(b)
	if server == "" {
		return all, nil
	}
	if s, ok := all.Servers[server]; ok {
		return s, nil
	}
	return nil, apiError(http.StatusNotFound, fmt.Errorf("server %s/%s: %w", backend, server, pool.ErrNoSuchServer))
}

func apiError(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }

// statusOf returns the status for a failed change.
func statusOf(err error) int {
	if errors.Is(err, pool.ErrNoBackend) || errors.Is(err, pool.ErrNoSuchServer) {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// Interface guards
var _ caddy.AdminRouter = Admin{}
