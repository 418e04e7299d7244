// SPDX-License-Identifier: Apache-2.0

//go:build !linux || generalway

package frontend

import "github.com/caddy-passthrough/caddy-passthrough/modules/relay"

// ServeOnShard serves a client's connection in a goroutine of its own.
func (e *Entry) ServeOnShard(socket *relay.Socket) { e.Go(socket) }

// Inline reports whether ServeOnShard needs no goroutine.
func (f *Frontend) Inline() bool { return false }
