// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

// Pausing returns the gate of a listener whose connections take an entry. Listeners without limits
// have one, too: limits can be set at run time.
func Pausing(e *frontend.Entry) durable.Gate {
	return func(w durable.Waker) time.Duration { return e.Pause(w) }
}

// validateLimits validates the numbers of the limits that leave clients in the kernel's queue.
func (h *Handler) validateLimits() error {
	for _, limit := range h.pausing() {
		if limit.n < 0 {
			return fmt.Errorf("%s %d: expected a whole number, zero or more", limit.word, limit.n)
		}
	}
	return nil
}

// validateDurable returns the error of limits that need durable listeners. plain lists the
// addresses that are not durable.
func (h *Handler) validateDurable(plain []string) error {
	for _, limit := range h.pausing() {
		if limit.n > 0 && len(plain) > 0 {
			return fmt.Errorf("%s %d: expected durable addresses with it, such as durable/:443, and not %s: only their sockets leave clients in the kernel's queue", limit.word, limit.n, strings.Join(plain, ", "))
		}
	}
	return nil
}

// pausing returns the limits that leave clients in the kernel's queue.
func (h *Handler) pausing() []wordNumber {
	return []wordNumber{{"maxconn", h.MaxConn}, {"rate_limit_sessions", h.RateLimitSessions}}
}

// wordNumber is an option and its value.
type wordNumber struct {
	word string
	n    int
}

// limitListeners makes the listeners of the handler's layer4 server follow its limits.
func (h *Handler) limitListeners(ctx caddy.Context) {
	if h.server == nil {
		return
	}
	i := slices.IndexFunc(ctx.Modules(), func(m caddy.Module) bool { _, ok := m.(*layer4.App); return ok })
	if i < 0 {
		return
	}
	for _, at := range parsedAddresses(h.server) {
		if durable.IsNetwork(at.Network) {
			durable.LimitFor(ctx, ctx.Modules()[i], at, Pausing(h.frontend.Routed()))
		}
	}
}
