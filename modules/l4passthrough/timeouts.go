// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// relayOptions are a backend's timeouts, and in place of those about the client
// the frontend's own.
func (h *Handler) relayOptions(b *balancer.Backend) relay.Options {
	t := &b.Timeouts
	return relay.Options{
		ClientTimeout: own(h.TimeoutClient, t.Client),
		ServerTimeout: time.Duration(t.Server),
		Tunnel:        time.Duration(t.Tunnel),
		ClientFin:     own(h.TimeoutClientFin, t.ClientFin),
		ServerFin:     time.Duration(t.ServerFin),
	}
}

func own(frontend, backend caddy.Duration) time.Duration {
	if frontend != 0 {
		return time.Duration(frontend)
	}
	return time.Duration(backend)
}

// checkTimeouts says what is wrong with the frontend's timeouts.
func (h *Handler) checkTimeouts() error {
	if err := balancer.CheckTimeout("timeout_client", h.TimeoutClient); err != nil {
		return err
	}
	return balancer.CheckTimeout("timeout_client_fin", h.TimeoutClientFin)
}
