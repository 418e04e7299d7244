// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import "github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"

// look implements visible.
func (a *shardConn) look(v *liveVisitor) {
	l := &v.live
	if a.pooled != nil {
		stage := l.Stage
		if a.pooled.describe(l); stage > l.Stage {
			l.Stage = stage
		}
	} else {
		a.describe(l)
	}
	v.pass()
}

// describe sets the fields that are known while the client is waited for.
func (a *shardConn) describe(l *Live) {
	l.ID, l.Started, l.Frontend = a.session.id, epoch.Add(a.accepted), a.active.latest.Load().Name
	l.Client, l.Local = tcplog.AddrOf(a.socket.RemoteAddr()), tcplog.AddrOf(a.socket.LocalAddr())
	if h := a.header; h != nil && h.header != nil && h.header.HasAddresses() {
		l.Client, l.Local = tcplog.AddrOfIP(h.header.Source), tcplog.AddrOfIP(h.header.Destination)
	}
	l.Listener = a.entry.Listener.name()
	if a.header.awaits() {
		l.Stage = AtHeader
	}
}
