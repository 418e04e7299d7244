// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

func TestRelayOptions(t *testing.T) {
	const s = time.Second
	backend := balancer.Backend{Timeouts: balancer.Timeouts{
		Client: caddy.Duration(1 * s), Server: caddy.Duration(2 * s), Tunnel: caddy.Duration(3 * s),
		ClientFin: caddy.Duration(4 * s), ServerFin: caddy.Duration(5 * s),
	}}
	for _, c := range []struct {
		f    *Frontend
		want relay.Options
	}{
		{new(Frontend), relay.Options{ClientTimeout: s, ServerTimeout: 2 * s, Tunnel: 3 * s, ClientFin: 4 * s, ServerFin: 5 * s}},
		{
			&Frontend{Config: Config{TimeoutClient: 6 * s, TimeoutClientFin: time.Duration(balancer.Never)}},
			relay.Options{ClientTimeout: 6 * s, ServerTimeout: 2 * s, Tunnel: 3 * s, ClientFin: -1, ServerFin: 5 * s},
		},
	} {
		if diff := cmp.Diff(c.want, c.f.relayOptions(&backend)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}
