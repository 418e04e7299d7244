// SPDX-License-Identifier: Apache-2.0

package lbsocket

import "github.com/caddy-passthrough/caddy-passthrough/modules/control"

// statCommands show the state of frontends, backends and servers.
var statCommands = []command{
	{words: "show backend", help: "list backends in the current running config", run: showBackend},
}

func showBackend(r *request) error {
	r.print("# name\n")
	for _, b := range control.Backends() {
		r.print(b.Name, "\n")
	}
	return nil
}
