// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import "github.com/caddy-passthrough/caddy-passthrough/modules/balancer"

// validateTimeouts checks the frontend's timeouts.
func (h *Handler) validateTimeouts() error {
	if err := balancer.ValidateTimeout("timeout_client", h.TimeoutClient); err != nil {
		return err
	}
	return balancer.ValidateTimeout("timeout_client_fin", h.TimeoutClientFin)
}
