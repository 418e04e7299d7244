// SPDX-License-Identifier: Apache-2.0

// Command caddy is Caddy with its standard modules, caddy-l4 and the modules of
// this project.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-passthrough/caddy-passthrough"
)

func main() {
	caddycmd.Main()
}
