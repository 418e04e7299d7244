// SPDX-License-Identifier: Apache-2.0

// Command stock is Caddy with its standard modules and caddy-l4, without any module of
// this project: one of the proxies that the bench compares with.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/mholt/caddy-l4"
)

func main() {
	caddycmd.Main()
}
