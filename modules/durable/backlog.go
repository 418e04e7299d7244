// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"

	"github.com/caddyserver/caddy/v2"
)

type backlogKey struct{}

// WithBacklog returns a context with which addresses of this package are opened with a backlog:
// so many connections wait to be accepted, and the kernel lets in no more. 0 stands for the
// system's limit, which is also the default and caps all others (on Linux
// net.core.somaxconn). It is HAProxy's backlog of bind.
//
// As keepalive does, it follows the configuration that gets the connections. Where several
// users of that share the address, the largest counts. A descriptor that the process has been
// started with keeps its own.
func WithBacklog(ctx caddy.Context, n int) caddy.Context {
	return ctx.WithValue(backlogKey{}, n)
}

// backlogOf returns the backlog that a context asks for.
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
