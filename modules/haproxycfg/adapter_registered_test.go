// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// Caddy finds the adapter by its name. docs/design.md lists what else is relied on.
func TestAdapterIsRegistered(t *testing.T) {
	if _, ok := caddyconfig.GetAdapter("haproxy").(Adapter); !ok {
		t.Errorf(`Caddy has changed: the adapter "haproxy" is %T, expected Adapter; --adapter haproxy no longer works`, caddyconfig.GetAdapter("haproxy"))
	}
}
