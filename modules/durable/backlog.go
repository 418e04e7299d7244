// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"

	"github.com/caddyserver/caddy/v2"
)

type backlogKey struct{}

// WithBacklog returns a context with which addresses of this package are opened with a backlog of
// n: the kernel queues up to n connections that are not accepted yet. 0 is the system's limit,
// which is the default and caps all other values (on Linux net.core.somaxconn). It is HAProxy's
// backlog of bind.
//
// Like keepalive, the backlog follows the active configuration. If several of its users share the
// address, the largest counts. A descriptor that the process was started with keeps its own.
func WithBacklog(ctx caddy.Context, n int) caddy.Context {
	return ctx.WithValue(backlogKey{}, n)
}

// backlogOf returns the backlog set by WithBacklog.
func backlogOf(ctx context.Context) int {
	n, _ := ctx.Value(backlogKey{}).(int)
	return n
}

// largerBacklog returns the larger of two backlogs.
func largerBacklog(a, b int) int {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}
