// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// listServers shows the servers of a backend, by name.
func listServers(r *request) (any, error) {
	b, err := control.BackendOf(r.names[0])
	if err != nil {
		return nil, err
	}
	return newBackend(b).Servers, nil
}

// addServer adds a server, in maintenance, and answers with its state. The body is a server as in
// the configuration.
func addServer(r *request) (any, error) {
	s, err := decode[balancer.Server](r, `{"name": "s9", "address": "10.0.0.9:443"}, with the fields of a server in the configuration's JSON`)
	if err != nil {
		return nil, err
	}
	if err := control.AddServer(control.ByAdmin, r.names[0], s); err != nil {
		return nil, err
	}
	r.names = append(r.names, s.Name)
	return showServer(r)
}

// removeServer removes a server that is in maintenance and has no connections, and answers with the
// servers that are left.
func removeServer(r *request) (any, error) {
	if err := control.RemoveServer(control.ByAdmin, r.names[0], r.names[1]); err != nil {
		return nil, err
	}
	return listServers(r)
}

// resetCounters resets the highest numbers, or with all=1 all that only rise, and answers with an
// overview.
func resetCounters(r *request) (any, error) {
	switch all := r.URL.Query().Get("all"); all {
	case "", "0", "1":
		control.ClearCounters(control.ByAdmin, all == "1")
		return newOverview(), nil
	default:
		return nil, invalid("all %q: expected 1 or 0", all)
	}
}
