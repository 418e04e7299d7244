// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"net"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// WrapListener returns a listener whose Accept returns the connections that the frontend passes on.
// Those of a durable listener stay on the shards, which read and decide, until that is known.
func (w *Wrapper) WrapListener(ln net.Listener) net.Listener {
	if w.frontend == nil { // it is inert in this server
		return ln
	}
	w.advise()
	entry := w.frontend.Entry(frontend.EntryConfig{Next: durable.Passer(ln)})
	durable.LimitBy(ln, l4passthrough.Pausing(entry))
	if durable.TakeBy(ln, entry.ServeOnShard) {
		return &durableListener{ln, entry}
	}
	return newPlainListener(ln, w.frontend)
}

// durableListener is the http server's view of a durable listener.
type durableListener struct {
	net.Listener
	entry *frontend.Entry
}

// Accept returns the next connection that the frontend passes on, and serves those that no shard
// can take.
func (l *durableListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || frontend.IsPassedOn(conn) {
			return conn, err
		}
		l.entry.Go(conn)
	}
}

// Interface guard
var _ net.Listener = (*durableListener)(nil)
